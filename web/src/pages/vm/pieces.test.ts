import { describe, expect, it } from "vitest";
import type { TailRecord } from "../../api/types";
import { piecesOf } from "./pieces";

const lines = ["a", "b", "c"].map((text) => ({ text }));
const record = (before: number): TailRecord => ({ before, at: "2026-01-02T03:04:05Z", text: `r${before}` });
const read = (records?: TailRecord[]): string[] =>
  piecesOf(records ? { lines, records } : { lines }).map((piece) =>
    "record" in piece ? `* ${piece.record.text}` : piece.lines,
  );

describe("the last lines", () => {
  it("are one piece when nobody was there, or nothing says so", () => {
    expect(read()).toEqual(["a\nb\nc"]);
    expect(read([])).toEqual(["a\nb\nc"]);
    expect(piecesOf({ lines: [], records: [] })).toEqual([]);
  });

  it("have each record at its place", () => {
    expect(read([record(0), record(0), record(2), record(3)])).toEqual([
      "* r0",
      "* r0",
      "a\nb",
      "* r2",
      "c",
      "* r3",
    ]);
    expect(read([record(9)])).toEqual(["a\nb\nc", "* r9"]);
  });
});
