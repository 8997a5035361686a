/** The small parts of the terminal: keys, pastes, the record. */

import { expect, test } from "vitest";
import { shortcutOf } from "./keys";
import { isRisky, LARGE, pasteOf, typedOf } from "./paste";
import { fileName, MAX_BYTES, Record } from "./record";

function press(how: Partial<KeyboardEvent> & { altGraph?: boolean }): Parameters<typeof shortcutOf>[0] {
  const { altGraph = false, ...rest } = how;
  return {
    key: "",
    code: "",
    ctrlKey: false,
    shiftKey: false,
    altKey: false,
    metaKey: false,
    getModifierState: (name) => name === "AltGraph" && altGraph,
    ...rest,
  };
}

test.each([
  [{ ctrlKey: true, key: "]" }, "menu"],
  [{ ctrlKey: true, key: "F6" }, "leave"],
  [{ ctrlKey: true, shiftKey: true, key: "F6" }, "below"],
  [{ ctrlKey: true, shiftKey: true, code: "KeyC", key: "C" }, "copy"],
  [{ ctrlKey: true, key: "Insert" }, "copy"],
  [{ ctrlKey: true, shiftKey: true, code: "KeyV", key: "V" }, "browser"],
  [{ shiftKey: true, key: "Insert" }, "browser"],
  [{ ctrlKey: true, shiftKey: true, code: "KeyF", key: "F" }, "find"],
  [{ ctrlKey: true, key: "=" }, "larger"],
  [{ ctrlKey: true, key: "-" }, "smaller"],
  [{ ctrlKey: true, key: "0" }, "usual"],
] as const)("%j is ours: %s", (how, shortcut) => {
  expect(shortcutOf(press(how), false)).toBe(shortcut);
});

test.each([
  { key: "Tab" },
  { key: "Escape" },
  { key: "F6" },
  { key: "Insert" },
  { ctrlKey: true, key: "c", code: "KeyC" },
  { ctrlKey: true, key: "v", code: "KeyV" },
  { ctrlKey: true, key: "k", code: "KeyK" },
  { altKey: true, key: "f", code: "KeyF" },
  { ctrlKey: true, altKey: true, altGraph: true, key: "]" },
])("%j is the guest's", (how) => {
  expect(shortcutOf(press(how), false)).toBeNull();
});

test("on a Mac shortcuts are the Command key's, and Ctrl stays the guest's", () => {
  expect(shortcutOf(press({ metaKey: true, key: "f" }), true)).toBe("find");
  expect(shortcutOf(press({ metaKey: true, key: "c" }), true)).toBe("browser");
  expect(shortcutOf(press({ ctrlKey: true, key: "]" }), true)).toBe("menu");
  expect(shortcutOf(press({ ctrlKey: true, key: "c", code: "KeyC" }), true)).toBeNull();
});

test("a paste is typed as Enter would send its lines, without hidden keys", () => {
  expect(pasteOf("ls\r\ndf -h\nuptime")).toEqual({ text: "ls\rdf -h\ruptime", lines: 2, removed: 0 });
  expect(pasteOf("a\x1b[201~\x03b\tc")).toEqual({ text: "a[201~b\tc", lines: 0, removed: 2 });
});

test("whoever pastes lines, hidden keys or a lot is asked first", () => {
  expect(isRisky(pasteOf("one line"))).toBe(false);
  expect(isRisky(pasteOf("one line entered\n"))).toBe(true);
  expect(isRisky(pasteOf("x\x04"))).toBe(true);
  expect(isRisky(pasteOf("x".repeat(LARGE + 1)))).toBe(true);
});

test("a paste is marked where the guest's program asked for it", () => {
  expect(typedOf(pasteOf("a\nb"), true)).toBe("\x1b[200~a\rb\x1b[201~");
  expect(typedOf(pasteOf("a\nb"), false)).toBe("a\rb");
});

test("the record keeps the newest bytes and says where they begin", async () => {
  const record = new Record();
  record.add(100, new TextEncoder().encode("old"));
  record.add(103, new Uint8Array(MAX_BYTES - 1));
  expect(record.start).toBe(103);
  expect(record.end).toBe(103 + MAX_BYTES - 1);
  expect(record.blob().size).toBe(MAX_BYTES - 1);
});

test("a download is named after the machine, the moment and the byte", () => {
  const name = fileName("web 1/a", 4096, new Date("2026-11-25T03:04:05Z"));
  expect(name).toBe("web_1_a-2026-11-25T03-04-05Z-byte-4096.log");
});
