import { expect, test } from "vitest";
import type { Control, Paste } from "./frames";
import { AHEAD, Pasting, progressOf } from "./pasting";

function paster(size: number): { pasting: Pasting; sent: (Control | Paste)[]; id: string } {
  const sent: (Control | Paste)[] = [];
  const pasting = new Pasting((frame) => {
    sent.push(frame);
    return true;
  });
  pasting.begin(new Uint8Array(size));
  return { pasting, sent, id: pasting.progress?.id ?? "" };
}

const bytes = (sent: (Control | Paste)[]): number =>
  sent.reduce((sum, frame) => sum + (frame.kind === "paste" ? frame.payload.length : 0), 0);

test("no more is sent than the agent may be ahead of what is typed", () => {
  const { pasting, sent, id } = paster(200_000);
  expect(bytes(sent)).toBe(AHEAD);
  pasting.told(progressOf({ id, state: "typing", size: 200_000, received: AHEAD, typed: 1000 }));
  expect(bytes(sent)).toBe(AHEAD + 1000);
  pasting.told(progressOf({ id, state: "done", size: 200_000, received: 200_000, typed: 200_000 }));
  expect(pasting.active).toBe(false);
});

test("after a short drop it goes on from what was received, after a long one it waits for the person", () => {
  for (const [away, goesOn] of [
    [2, true],
    [60, false],
  ] as const) {
    const { pasting, sent, id } = paster(10_000);
    sent.length = 0;
    pasting.lost(100);
    const told = { id, state: "paused", why: "viewerGone", size: 10_000, received: 4000, typed: 10 };
    pasting.attached({ paste: true, pasting: told }, 100 + away);
    expect(bytes(sent)).toBe(6000);
    expect(sent.some((frame) => frame.kind === "control" && frame.fields["event"] === "resume")).toBe(goesOn);
  }
});

const events = (sent: (Control | Paste)[]): unknown[] =>
  sent.flatMap((frame) => (frame.kind === "control" ? [frame.fields["event"]] : []));

test("after a long drop it is sent again from what was received, once the person goes on", () => {
  const { pasting, sent, id } = paster(200_000);
  pasting.lost(0);
  const told = { id, state: "paused", why: "viewerGone", size: 200_000, received: 5000, typed: 5000 };
  sent.length = 0;
  pasting.attached({ paste: true, pasting: told }, 60);
  const first = sent.find((frame) => frame.kind === "paste");
  expect(first).toMatchObject({ offset: 5000 });
  expect(bytes(sent)).toBe(AHEAD);
  pasting.control("resume");
  expect(events(sent)).toEqual(["resume"]);
});

test("one that the agent does not know any more is over with its answer", () => {
  const { pasting, sent, id } = paster(10);
  pasting.told(progressOf({ id, state: "typing", size: 10, received: 10, typed: 4 }));
  pasting.lost(0);
  sent.length = 0;
  pasting.attached({ paste: true }, 1);
  expect(events(sent)).toEqual(["abort"]);
  pasting.told(progressOf({ id, state: "ended", why: "unknown", size: 0, received: 0, typed: 0 }));
  expect(pasting.progress).toMatchObject({ state: "ended", why: "unknown", size: 10, typed: 4 });
  pasting.told(progressOf({ id, state: "typing", size: 10, received: 10, typed: 5 }));
  expect(pasting.active).toBe(false);
});

test("what is wished while the line is away, or went with it, is said once it is back", () => {
  for (const wish of ["abort", "pause"] as const) {
    for (const before of [true, false]) {
      const { pasting, sent, id } = paster(10);
      if (before) pasting.lost(0);
      pasting.control(wish);
      if (!before) pasting.lost(0);
      sent.length = 0;
      const told = { id, state: "paused", why: "viewerGone", size: 10, received: 4, typed: 4 };
      pasting.attached({ paste: true, pasting: told }, 1);
      expect(events(sent)).toEqual([wish]);
    }
  }
});

test("what became of it meanwhile is told", () => {
  const { pasting, id } = paster(10);
  pasting.lost(0);
  const told = { id, state: "done", verdict: "echoed", size: 10, received: 10, typed: 10 };
  pasting.attached({ paste: true, pasting: told }, 1);
  expect(pasting.progress).toMatchObject({ state: "done", verdict: "echoed" });
});
