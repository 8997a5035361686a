import { describe, expect, it } from "vitest";
import type { ActivityEvent } from "../../api/types";
import { fold } from "./deeds";
import { toldOf } from "./told";
import { deedWords } from "./words";

const PORT =
  "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1/providers/Microsoft.SerialConsole/serialPorts/0";
let count = 0;

function event(
  verb: string,
  status: string,
  sub: string,
  properties: Record<string, unknown>,
): ActivityEvent {
  count += 1;
  return {
    id: `/events/${count}/ticks/${count}`,
    eventDataId: String(count),
    correlationId: "s1",
    operationName: { value: `Microsoft.SerialConsole/serialPorts/${verb}/action` },
    status: { value: status },
    subStatus: { value: sub },
    caller: "ada",
    eventTimestamp: `2026-01-02T03:04:0${count % 10}Z`,
    resourceId: PORT,
    properties,
  } as unknown as ActivityEvent;
}

const sitting = { session: "s1", mode: "write", client: "portal" };

describe("a session at a console", () => {
  it("tells how long it was, what was typed and shown, with what, and by whom it ended", () => {
    const [deed] = fold([
      event("session", "Succeeded", "TakenOver", {
        ...sitting,
        seconds: "61",
        bytesIn: "1",
        bytesOut: "2048",
        reason: "TakenOver",
        by: "bob",
        omitted: "3",
      }),
      event("session", "Started", "", sitting),
    ]);
    if (!deed) throw new Error("nothing was folded");
    expect(deedWords(deed)).toBe("Console session");
    expect(toldOf(deed).map(({ name, value }) => `${name}: ${value}`)).toEqual([
      "Console session: s1",
      "Mode: typing",
      "Client: a browser",
      "Lasted: 61 seconds",
      "Typed: 1 byte",
      `Shown: ${new Intl.NumberFormat().format(2048)} bytes`,
      "How it ended: TakenOver",
      "By: bob",
      "Further deeds at the keyboard: 3",
    ]);
  });

  it("that a kill ended and that went on has the end that came last", () => {
    const killed = { ...sitting, client: "oob", secondsAtMost: "5", reason: "ControlPlaneStopping" };
    const told = (steps: ActivityEvent[]): string[] =>
      fold(steps).flatMap((deed) => toldOf(deed).map(({ name, value }) => `${name}: ${value}`));
    const first = event("session", "Succeeded", "ControlPlaneStopping", killed);
    expect(told([first])).toContain("Lasted: at most 5 seconds");
    const last = event("session", "Succeeded", "Left", {
      ...sitting,
      client: "oob",
      seconds: "9",
      reason: "Left",
    });
    expect(told([last, first])).toContain("Lasted: 9 seconds");
    expect(told([last, first])).toContain("How it ended: Left");
    expect(told([last, first]).join()).not.toContain("at most");
  });

  it("is not the one who was sent away from it", () => {
    const refused = { session: "s1", client: "az serial-console 1.0 or newer", reason: "TicketInvalid" };
    const deeds = fold([
      event("session", "Failed", "TicketInvalid", refused),
      event("session", "Succeeded", "Left", { ...sitting, reason: "Left" }),
    ]);
    expect(deeds.map(deedWords)).toEqual(["Refuse a way in to the console", "Console session"]);
    expect(deeds.map((deed) => deed.status)).toEqual(["Failed", "Succeeded"]);
    expect(deeds[0] && toldOf(deeds[0])).toContainEqual({
      name: "Client",
      value: "Azure's client (az serial-console 1.0 or newer)",
    });
  });
});

describe("a deed at the keyboard", () => {
  it.each([
    ["asked", "Started", "Ask bob for the keyboard"],
    ["declined", "Failed", "Not given the keyboard: bob declined"],
    ["unanswered", "Failed", "Not given the keyboard: bob did not answer"],
    ["withdrawn", "Succeeded", "No longer ask for the keyboard"],
    ["taken", "Succeeded", "Take the keyboard from bob"],
    ["given", "Succeeded", "Given the keyboard by bob"],
    ["granted", "Succeeded", "Take the free keyboard"],
    ["handed over", "Succeeded", "Hand the keyboard to bob"],
    ["given back", "Succeeded", "Give the keyboard back"],
    ["KeyboardHeld", "Failed", "Refused the keyboard"],
  ])("that is %s reads so", (keyboard, status, words) => {
    const [deed] = fold([event("keyboard", status, keyboard, { ...sitting, keyboard, with: "bob" })]);
    if (!deed) throw new Error("nothing was folded");
    expect(deedWords(deed)).toBe(words);
    expect(deed.code).toBe(keyboard === "KeyboardHeld" ? keyboard : "");
  });

  it("is a line of its own, which stays itself", () => {
    const asked = event("keyboard", "Started", "asked", { ...sitting, keyboard: "asked", with: "bob" });
    const given = event("keyboard", "Succeeded", "given", { ...sitting, keyboard: "given", with: "bob" });
    const deeds = fold([given, asked]);
    expect(deeds.map((deed) => deed.id)).toEqual([given.eventDataId, asked.eventDataId]);
    expect(new Set(deeds.map((deed) => deed.key)).size).toBe(2);
  });
});

it("what was sent says the key, what was seen, and why it was done", () => {
  const [deed] = fold([
    event("sysrq", "Succeeded", "", {
      requestId: "r1",
      key: "b",
      observed: "reset seen",
      reason: "it hangs",
    }),
  ]);
  expect(deed && toldOf(deed)).toEqual([
    { name: "Request id", value: "r1" },
    { name: "SysRq key", value: "b" },
    { name: "What was seen", value: "reset seen" },
    { name: "Reason given", value: "it hangs" },
  ]);
});
