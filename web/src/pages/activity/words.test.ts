import { describe, expect, it } from "vitest";
import type { ActivityEvent } from "../../api/types";
import { fold } from "./deeds";
import { failureOf } from "./meaning";
import { deedWords } from "./words";

const VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1";

function entry(action: string, change: Partial<ActivityEvent> = {}): ActivityEvent {
  return {
    id: "/events/1/ticks/1",
    eventDataId: "1",
    correlationId: "c",
    operationName: { value: action },
    status: { value: "Succeeded" },
    caller: "ada",
    eventTimestamp: "2026-01-02T03:04:05Z",
    resourceId: VM,
    ...change,
  } as ActivityEvent;
}

describe("an entry of the log", () => {
  it.each([
    ["Microsoft.SerialConsole/serialPorts/session/action", "Console session"],
    ["Microsoft.SerialConsole/serialPorts/connect/action", "Open console"],
    ["Microsoft.Compute/virtualMachines/start/action", "Start virtual machine"],
    ["Microsoft.Directory/users/signIn/action", "Sign in"],
    ["Microsoft.Directory/users/write", "Create or change user"],
    ["Microsoft.Other/things/shake/action", "shake things"],
  ])("of %s reads: %s", (action, words) => {
    expect(fold([entry(action)]).map(deedWords)).toEqual([words]);
  });

  it("that failed is explained by its code, and says what the log does not know", () => {
    const failed = { status: { value: "Failed" }, subStatus: { value: "VmNotRunning" } };
    const [known] = fold([entry("Microsoft.Compute/virtualMachines/powerOff/action", failed)]);
    if (!known) throw new Error("nothing was folded");
    expect(failureOf(known).message).toContain("web1");
    expect(failureOf(known).message).not.toContain("{");
    expect(failureOf({ ...known, code: "Unheard" })).toMatchObject({ code: "Unheard", title: "Unheard" });
  });
});
