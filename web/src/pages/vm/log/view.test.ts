import { describe, expect, it } from "vitest";
import type { LogBoot, LogPage } from "../../../api/types";
import { appended, type Item, lineAt, MOST, parted, prepended, viewOf } from "./view";

const AT = "2026-05-04T10:00:00Z";

/** Lines of ten bytes each from `from` on. */
function page(from: number, texts: string[], more: Partial<LogPage> = {}): LogPage {
  const next = from + 10 * texts.length;
  return {
    lines: texts.map((text, number) => ({ offset: from + 10 * number, at: AT, text })),
    records: [],
    gaps: [],
    boots: [],
    from,
    next,
    more: false,
    start: 0,
    end: next,
    live: true,
    at: AT,
    ...more,
  };
}

function boot(number: number, from: number): LogBoot {
  return { boot: 0, number, from, end: from, at: AT, last: AT };
}

function told(items: readonly Item[]): string[] {
  return items.map((item) => {
    if (item.kind === "line") return item.line.text;
    if (item.kind === "record") return `* ${item.record.text}`;
    return item.kind === "gap" ? `gap ${item.gap.bytes}` : `boot ${item.boot.number}`;
  });
}

describe("a log put together from pages", () => {
  it("has everything at its place", () => {
    const view = viewOf(
      page(0, ["one", "two"], {
        records: [{ before: 2, at: AT, text: "ann left" }],
        gaps: [{ before: 1, from: 10, end: 10, bytes: 7 }],
        boots: [boot(1, 0), boot(2, 10)],
      }),
    );
    expect(told(view.items)).toEqual(["boot 1", "one", "gap 7", "boot 2", "two", "* ann left"]);
  });

  it("replaces a line that was open", () => {
    const open = page(0, ["one", "login:"], { next: 10 });
    const view = appended(viewOf(open), page(10, ["login: root", "#"]));
    expect(told(view.items)).toEqual(["one", "login: root", "#"]);
    expect(view.from).toBe(0);
    expect(view.next).toBe(30);
  });

  it("tells what pages repeat once", () => {
    const record = { before: 0, at: AT, text: "ann came" };
    const first = page(0, ["one"], { records: [record], boots: [boot(1, 0)] });
    const again = page(10, [], { records: [record], boots: [boot(1, 0), boot(2, 10)] });
    const twice = appended(appended(viewOf(first), again), again);
    expect(told(twice.items)).toEqual(["boot 1", "* ann came", "one", "boot 2"]);
  });

  it("leaves a boot that begins further on to the page that shows it", () => {
    const view = viewOf(page(0, ["one"], { more: true, end: 40, boots: [boot(2, 10), boot(3, 30)] }));
    expect(told(view.items)).toEqual(["one"]);
    expect(told(appended(view, page(10, ["two"], { boots: [boot(2, 10)] })).items)).toEqual([
      "one",
      "boot 2",
      "two",
    ]);
  });

  it("grows at its beginning too", () => {
    const view = prepended(viewOf(page(20, ["three"])), page(0, ["one", "two"], { end: 30 }));
    expect(told(view.items)).toEqual(["one", "two", "three"]);
    expect([view.from, view.next, view.more]).toEqual([0, 30, false]);
  });

  it("keeps so much and no more", () => {
    const many = Array.from({ length: MOST }, (_, number) => `${number}`);
    const later = appended(viewOf(page(0, many)), page(10 * MOST, ["new"]));
    expect(later.items.length).toBe(MOST);
    expect(later.from).toBe(10);
    const earlier = prepended(viewOf(page(100, many)), page(0, many.slice(0, 10)));
    expect(earlier.items.length).toBe(MOST);
    expect(earlier.more).toBe(true);
    expect(earlier.next).toBe(10 * (MOST - 1));
  });

  it("keeps rows of one line apart", () => {
    const rows = page(0, ["a", "b"]);
    for (const line of rows.lines) line.offset = 0;
    const keys = viewOf(rows).items.map((item) => item.key);
    expect(new Set(keys).size).toBe(2);
  });
});

describe("places", () => {
  it("finds the line of a byte", () => {
    const { items } = viewOf(page(10, ["one", "two"]));
    expect(lineAt(items, 10)).toBe("line 10 0");
    expect(lineAt(items, 19)).toBe("line 10 0");
    expect(lineAt(items, 25)).toBe("line 20 0");
    expect(lineAt(items, 5)).toBeUndefined();
  });

  it("parts a text at its matches, by characters", () => {
    expect(parted("abcd")).toEqual(["abcd"]);
    expect(parted("abcd", [[1, 3]])).toEqual(["a", "bc", "d"]);
    expect(parted("\u{1f600}ab", [[1, 2]])).toEqual(["\u{1f600}", "a", "b"]);
  });
});
