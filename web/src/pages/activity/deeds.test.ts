import { describe, expect, it } from "vitest";
import type { ActivityEvent } from "../../api/types";
import { choose, filterOf, fold, merge } from "./deeds";
import { toCsv, toJson } from "./files";

const VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1";

function event(id: string, status: string, more: Partial<ActivityEvent> = {}): ActivityEvent {
  const word = (value: string): { value: string; localizedValue: string } => ({
    value,
    localizedValue: value,
  });
  return {
    id: `${VM}/events/${id}/ticks/${id}`,
    eventDataId: id,
    correlationId: "c1",
    operationId: "o1",
    eventName: word("EndRequest"),
    operationName: word("Microsoft.Compute/virtualMachines/start/action"),
    status: word(status),
    subStatus: word(""),
    level: "Informational",
    caller: "admin@outofband.local",
    eventTimestamp: `2026-01-02T03:04:0${id}.000000Z`,
    resourceId: VM,
    resourceType: word("Microsoft.Compute/virtualMachines"),
    resourceGroupName: "g",
    subscriptionId: "s",
    httpRequest: { clientRequestId: "", clientIpAddress: "192.0.2.1", method: "POST" },
    properties: {},
    ...more,
  };
}

describe("fold", () => {
  it("makes one line of the steps of one request", () => {
    const deeds = fold([event("3", "Succeeded"), event("2", "Started"), event("1", "Accepted")]);
    expect(deeds).toHaveLength(1);
    expect(deeds[0]).toMatchObject({
      id: "3",
      verb: "start",
      noun: "virtualMachines",
      began: "2026-01-02T03:04:01.000000Z",
      ended: "2026-01-02T03:04:03.000000Z",
      status: "Succeeded",
      code: "",
      address: "192.0.2.1",
      subject: "web1",
    });
  });

  it("takes the action's own name where the log is kept by the right that it needs", () => {
    const operationName = { value: "Microsoft.SerialConsole/serialPorts/connect/action", localizedValue: "" };
    const [deed] = fold([event("1", "Succeeded", { operationName, properties: { action: "reset" } })]);
    expect(deed).toMatchObject({ verb: "reset", noun: "serialPorts" });
  });

  it("keeps apart what one request did to two resources", () => {
    expect(fold([event("2", "Succeeded"), event("1", "Succeeded", { resourceId: `${VM}2` })])).toHaveLength(
      2,
    );
  });

  it("gives the code of a failure, and no code of a success", () => {
    const failed = event("1", "Failed", {
      subStatus: { value: "AgentOffline", localizedValue: "AgentOffline" },
    });
    expect(fold([failed])[0]?.code).toBe("AgentOffline");
    const created = event("1", "Succeeded", { subStatus: { value: "201", localizedValue: "201" } });
    expect(fold([created])[0]?.code).toBe("");
  });

  it("takes a verb that is not an action", () => {
    const operationName = { value: "Microsoft.Compute/virtualMachines/delete", localizedValue: "" };
    expect(fold([event("1", "Succeeded", { operationName })])[0]).toMatchObject({
      verb: "delete",
      noun: "virtualMachines",
    });
  });
});

describe("merge", () => {
  it("puts pages that overlap into one list, by the log's own order", () => {
    const merged = merge(
      [event("9", "Started"), event("8", "Failed")],
      [event("10", "Failed"), event("9", "Started")],
    );
    expect(merged.map((each) => each.eventDataId)).toEqual(["10", "9", "8"]);
  });
});

describe("choose", () => {
  it("takes any of the statuses and any of the callers", () => {
    const deeds = fold([
      event("2", "Failed", { correlationId: "c2", caller: "ann" }),
      event("1", "Succeeded", { correlationId: "c3", caller: "bob" }),
    ]);
    expect(choose(deeds, { status: [], caller: [] })).toHaveLength(2);
    expect(choose(deeds, { status: ["Failed"], caller: ["ann", "bob"] }).map((deed) => deed.caller)).toEqual([
      "ann",
    ]);
  });
});

describe("filterOf", () => {
  it("begins so many hours before now, and doubles quotes in an id", () => {
    expect(filterOf(6, new Date("2026-01-02T12:00:00Z"), "/a'b")).toBe(
      "eventTimestamp ge '2026-01-02T06:00:00.000Z' and resourceUri eq '/a''b'",
    );
  });
});

describe("files", () => {
  it("quotes what CSV needs quoted, and disarms what a spreadsheet would run", () => {
    const [head, line] = toCsv(fold([event("1", "Succeeded", { caller: '=HYPERLINK("x"),y' })])).split(
      "\r\n",
    );
    expect(head).toMatch(/^began,ended,caller,address,action,resource,status,code,correlation,/);
    expect(line).toContain(`"'=HYPERLINK(""x""),y",192.0.2.1`);
  });

  it("tells of a console's session what the page does", () => {
    const properties = { session: "s1", client: "oob", bytesIn: "3", reason: "Left", colour: "green" };
    const [head, line] = toCsv(fold([event("1", "Succeeded", { properties })])).split("\r\n");
    const cells = line?.split(",");
    const told = Object.fromEntries((head ?? "").split(",").map((name, at) => [name, cells?.[at]]));
    expect(told).toMatchObject({ session: "s1", client: "oob", bytesIn: "3", bytesOut: "", reason: "Left" });
    expect(head).not.toContain("colour");
  });

  it("gives the events back as they came", () => {
    const events = [event("2", "Succeeded"), event("1", "Accepted")];
    expect(JSON.parse(toJson(fold(events)))).toEqual(events);
  });
});
