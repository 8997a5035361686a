import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { LogPage } from "../../../api/types";
import { castOf } from "./cast";
import { htmlOf, itemsOf, textOf } from "./exports";

const AT = "2026-05-04T10:00:00Z";

function page(more: Partial<LogPage>): LogPage {
  const base = { lines: [], records: [], gaps: [], boots: [], from: 0, next: 0, more: false };
  return { ...base, start: 0, end: 100, live: true, at: AT, ...more };
}

test("a recording has times that never go back, and boots as markers", () => {
  const boots = [{ boot: 0, number: 2, from: 5, end: 9, at: "2026-05-04T10:00:02Z", last: AT }];
  const first = page({
    next: 9,
    data: btoa("old\r\nBIOS"),
    boots,
    times: [
      { end: 3, at: AT },
      { end: 9, at: "2026-05-04T10:00:03.500Z" },
    ],
  });
  const second = page({ from: 9, next: 14, boots, data: btoa("\x1b[6nx"), times: [{ end: 14, at: AT }] });
  const [header, ...events] = castOf([first, second], "web1")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(header).toMatchObject({
    version: 2,
    width: 80,
    height: 25,
    timestamp: Date.parse(AT) / 1000,
    title: "web1",
  });
  expect(events).toEqual([
    [0, "o", "old"],
    [3.5, "o", "\r\n"],
    [3.5, "m", "boot 2"],
    [3.5, "o", "BIOS"],
    [3.5, "o", "x"],
  ]);
});

test("a document has nothing of the guest's alive in it, and its sheet's hash", async () => {
  const text = '<script>alert(1)</script> "x"';
  const items = itemsOf([
    page({ lines: [{ offset: 0, at: AT, text, looks: [[0, 8, "fg1 bold"]] }], next: 9 }),
  ]);
  const html = await htmlOf(items, "<b>web1", "en");
  expect(html).not.toMatch(/<script|<b>/);
  expect(html).toContain('<span class="fg1 bold">&lt;script&gt;</span>alert(1)&lt;/script&gt; &quot;x&quot;');
  const sheet = /<style>([\s\S]*)<\/style>/.exec(html)?.[1] ?? "";
  expect(html).toContain(`style-src 'sha256-${createHash("sha256").update(sheet).digest("base64")}'`);
});

test("text tells what is no word of the guest's apart, and an open line once", () => {
  const open = page({ lines: [{ offset: 0, at: AT, text: "log", open: true }] });
  const whole = page({
    lines: [{ offset: 0, at: AT, text: "* login:" }],
    gaps: [{ before: 1, from: 5, end: 5, bytes: 0 }],
  });
  expect(textOf(itemsOf([open, whole]))).toMatch(/^ {2}\* login:\n\* .+\n$/);
});
