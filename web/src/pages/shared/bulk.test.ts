import { describe, expect, it } from "vitest";
import { failures, onEach } from "./bulk";

describe("onEach", () => {
  it("goes on past a failure and tells it beside its subject", async () => {
    const outcomes = await onEach(["a", "b", "c"], (name) =>
      name === "b" ? Promise.reject(new Error("no")) : Promise.resolve(),
    );
    expect(outcomes.map((each) => each.subject)).toEqual(["a", "b", "c"]);
    expect(failures(outcomes)).toEqual([{ subject: "b", error: new Error("no") }]);
  });

  it("never has more under way than it may, and counts the ends", async () => {
    let now = 0;
    let most = 0;
    const ends: number[] = [];
    const act = async (): Promise<void> => {
      most = Math.max(most, ++now);
      await new Promise((done) => setTimeout(done, 1));
      now--;
    };
    await onEach(
      Array.from({ length: 9 }, (_, index) => index),
      act,
      (ended) => ends.push(ended),
      3,
    );
    expect(most).toBe(3);
    expect(ends).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("has nothing to do for nobody", async () => {
    expect(await onEach([], () => Promise.reject(new Error("never")))).toEqual([]);
  });
});
