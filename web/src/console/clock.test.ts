import { expect, test } from "vitest";
import { createClock } from "./clock";

test("the time a computer slept counts, a wall clock set back does not", () => {
  let monotonic = 5_000;
  let wall = 1_000_000;
  const now = createClock(
    () => monotonic,
    () => wall,
  );
  expect(now()).toBe(0);
  monotonic += 2_000;
  wall += 2_000;
  expect(now()).toBe(2);
  wall += 3_600_000;
  expect(now()).toBe(3602);
  monotonic += 1_000;
  wall -= 7_200_000;
  expect(now()).toBe(3603);
});
