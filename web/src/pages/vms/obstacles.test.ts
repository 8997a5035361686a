import { describe, expect, it } from "vitest";
import { toMachine } from "./machine";
import { DEEDS, type Deed, type Obstacle, obstacleTo } from "./obstacles";
import { type Sample, sampleVm } from "./samples";

function obstacles(sample: Omit<Sample, "name">, allowed = true): Partial<Record<Deed, Obstacle>> {
  const machine = toMachine(sampleVm({ name: "web1", ...sample }));
  const found = DEEDS.map((deed) => [deed, obstacleTo(deed, machine, allowed)] as const);
  return Object.fromEntries(found.filter(([, obstacle]) => obstacle !== undefined));
}

describe("obstacleTo", () => {
  it("lets a running machine do anything but start", () => {
    expect(obstacles({ power: "running" })).toEqual({ start: "running" });
  });

  it("lets a stopped one start, be looked at and be deleted", () => {
    expect(obstacles({ power: "stopped" })).toEqual({
      powerOff: "stopped",
      restart: "stopped",
      reset: "stopped",
    });
  });

  it("names the missing right before anything else", () => {
    expect(new Set(Object.values(obstacles({ driver: "unix", connected: false }, false)))).toEqual(
      new Set(["right"]),
    );
  });

  it("leaves the power of a watched machine to whoever runs it", () => {
    const watched = {
      start: "watched",
      powerOff: "watched",
      restart: "watched",
      reset: "watched",
      redeploy: "watched",
    };
    expect(obstacles({ driver: "unix" })).toEqual(watched);
  });

  it("has no reset for a program on a terminal", () => {
    expect(obstacles({ driver: "pty" })).toEqual({ start: "running", reset: "noReset" });
  });

  it("waits for a host that is away, and does not delete behind its back", () => {
    expect(obstacles({ connected: false })).toEqual({
      start: "host",
      powerOff: "host",
      restart: "host",
      reset: "host",
      redeploy: "host",
      delete: "host",
    });
  });

  it("lets a machine that was never made be deleted", () => {
    const failed = { provisioning: "Failed", power: "unknown", connected: false };
    expect(obstacles(failed)).toEqual({
      start: "unplaced",
      powerOff: "unplaced",
      restart: "unplaced",
      reset: "unplaced",
      redeploy: "unplaced",
    });
  });
});
