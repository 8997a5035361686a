import { describe, expect, it } from "vitest";
import { PAGE_SIZE, pageOf } from "./paging";

describe("pages", () => {
  const rows = Array.from({ length: PAGE_SIZE + 1 }, (_, index) => index);

  it("cuts them, and shows the last one when the rows got fewer", () => {
    expect(pageOf(rows, { page: 1 })).toEqual({ rows: [PAGE_SIZE], page: 1 });
    expect(pageOf(rows, { page: 7 }).page).toBe(1);
    expect(pageOf([], { page: 3 })).toEqual({ rows: [], page: 0 });
  });
});
