import { expect, test } from "vitest";
import type { Control, Paste } from "./frames";
import { AHEAD, Pasting, progressOf } from "./pasting";

function paster(size: number): { pasting: Pasting; sent: (Control | Paste)[]; id: string } {
  const sent: (Control | Paste)[] = [];
  const pasting = new Pasting((frame) => sent.push(frame));
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
    expect(bytes(sent)).toBe(goesOn ? 6000 : 0);
    expect(sent.some((frame) => frame.kind === "control" && frame.fields["event"] === "resume")).toBe(goesOn);
  }
});

test("one that the agent does not know any more has ended", () => {
  const { pasting } = paster(10);
  pasting.lost(0);
  pasting.attached({ paste: true }, 1);
  expect(pasting.progress).toMatchObject({ state: "ended", why: "keyboardLost" });
});
