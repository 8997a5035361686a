import { expect, test } from "vitest";
import { colourOf, piecesOf, styleOf } from "./looks";
import { drawnOf, keptTop, ROW, wantedOf } from "./window";

test("a line is cut where its look changes and where matches are", () => {
  expect(piecesOf("a bad day", [[2, 5, "fg1 bold"]], [[4, 7]])).toEqual([
    { text: "a ", look: "", matched: false },
    { text: "ba", look: "fg1 bold", matched: false },
    { text: "d", look: "fg1 bold", matched: true },
    { text: " d", look: "", matched: true },
    { text: "ay", look: "", matched: false },
  ]);
  expect(piecesOf("😀x", [[1, 2, "fg2"]]).map((piece) => piece.text)).toEqual(["😀", "x"]);
  expect(piecesOf("")).toEqual([]);
});

test("words are styles, and what is none is nothing", () => {
  expect(styleOf("fg1 bg4 bold")).toEqual({
    color: "#f2777a",
    backgroundColor: "#7fb4f5",
    fontWeight: "bold",
  });
  expect(styleOf("fgback bgfront")).toEqual({ color: "#0c0f14", backgroundColor: "#e3e6eb" });
  expect(styleOf("url(x) fg1;color:red")).toEqual({});
  expect([colourOf(16), colourOf(196), colourOf(255)]).toEqual(["#000000", "#ff0000", "#eeeeee"]);
});

test("of a long list only what is near is drawn", () => {
  expect(drawnOf(100_000, 50_000 * ROW, 30 * ROW)).toEqual({ first: 49_980, end: 50_050 });
  expect(drawnOf(10, 0, 30 * ROW)).toEqual({ first: 0, end: 10 });
  expect(drawnOf(0, 500, 300)).toEqual({ first: 0, end: 0 });
});

test("more is fetched at the edge that is near", () => {
  expect(wantedOf(5000, 100 * ROW, 300)).toBe("earlier");
  expect(wantedOf(5000, 2500 * ROW, 300)).toBeUndefined();
  expect(wantedOf(5000, 4900 * ROW, 300)).toBe("later");
});

test("what is seen stays where it is when rows come before it", () => {
  const keys = [{ key: "a" }, { key: "b" }, { key: "c" }];
  expect(keptTop(keys, { key: "c", within: 5 })).toBe(2 * ROW + 5);
  expect(keptTop(keys, { key: "z", within: 0 })).toBeUndefined();
});
