import { describe, expect, it } from "vitest";
import type { VirtualMachine } from "../../api/types";
import { type Machine, reconcile, toMachine } from "./machine";
import { hasEffect } from "./power";
import { sampleVm } from "./samples";

describe("toMachine", () => {
  it("takes a row out of the envelope", () => {
    expect(toMachine(sampleVm({ name: "web1", group: "Prod", host: "alpha" }))).toMatchObject({
      name: "web1",
      group: "Prod",
      host: "alpha",
      power: "running",
      certain: true,
      since: "2026-01-02T03:04:05.000000Z",
      health: { condition: "well" },
    });
  });

  it("doubts the power of a machine whose host is away", () => {
    expect(toMachine(sampleVm({ name: "web1", connected: false })).certain).toBe(false);
  });

  it("knows what the port shows, where its host says so in a word of ours", () => {
    expect(toMachine(sampleVm({ name: "web1", shows: "grub" })).shows).toBe("grub");
    for (const shows of ["", "aNewerWord", undefined]) {
      expect(toMachine(sampleVm({ name: "web1", ...(shows !== undefined && { shows }) }))).not.toHaveProperty(
        "shows",
      );
    }
  });

  it.each([
    [{ tags: { simulator: "windows-sac" } }, true],
    [{ driver: "pty", program: "win-sim-debug" }, true],
    [{ tags: { simulator: "other" } }, undefined],
    [{ driver: "pty", program: "win-simple" }, undefined],
    [{}, undefined],
  ])("marks a simulator by its tag or its program: %j", (sample, marked) => {
    expect(toMachine(sampleVm({ name: "win", ...sample })).simulator).toBe(marked);
  });

  it("lives with an answer that has no instance view", () => {
    const vm = sampleVm({ name: "web1" });
    delete vm.properties.instanceView;
    expect(toMachine(vm)).toMatchObject({ power: "unknown", certain: true });
  });
});

describe("reconcile", () => {
  const rows = ["a", "b", "c"].map((name) => toMachine(sampleVm({ name })));

  it("keeps the very list when nothing changed", () => {
    expect(
      reconcile(
        rows,
        ["a", "b", "c"].map((name) => toMachine(sampleVm({ name }))),
      ),
    ).toBe(rows);
  });

  it("keeps the rows that did not change", () => {
    const now = [toMachine(sampleVm({ name: "a" })), toMachine(sampleVm({ name: "b", power: "stopped" }))];
    const merged = reconcile(rows, now);
    expect(merged).toHaveLength(2);
    expect(merged[0]).toBe(rows[0]);
    expect(merged[1]).toBe(now[1]);
  });

  it("draws a row anew when its port shows something else", () => {
    const before = [toMachine(sampleVm({ name: "a", shows: "grub" }))];
    const now = [toMachine(sampleVm({ name: "a", shows: "login" }))];
    expect(reconcile(before, now)[0]).toBe(now[0]);
  });
});

describe("hasEffect", () => {
  it("starts what does not run, stops and restarts what does, and rules out nothing where it is unknown", () => {
    expect(["start", "restart", "powerOff"].map((each) => hasEffect(each as "start", "running"))).toEqual([
      false,
      true,
      true,
    ]);
    expect(["start", "restart", "powerOff"].map((each) => hasEffect(each as "start", "deallocated"))).toEqual(
      [true, false, false],
    );
    expect(["start", "restart", "powerOff"].map((each) => hasEffect(each as "start", "unknown"))).toEqual([
      true,
      true,
      true,
    ]);
  });
});

describe("findings", () => {
  const found = (severity: string, title: string): object => ({
    id: title,
    code: "KernelPanic",
    severity,
    title,
    message: "",
    offset: 1,
  });
  const withFindings = (...findings: object[]): VirtualMachine => {
    const vm = sampleVm({ name: "a" });
    const view = vm.properties.instanceView?.outofband;
    Object.assign(view ?? {}, { findings });
    return vm;
  };

  it("tells the worst and how many", () => {
    const row = toMachine(
      withFindings(found("error", "Panic"), found("warning", "Disk full"), found("note", "x")),
    );
    expect(row.finding).toEqual({ severity: "error", title: "Panic", count: 2 });
  });

  it("keeps quiet about notes", () => {
    expect(toMachine(withFindings(found("note", "Console is busy"))).finding).toBeUndefined();
  });

  it("draws a row anew when one comes or goes", () => {
    const [before] = [toMachine(withFindings())];
    const after = toMachine(withFindings(found("error", "Panic")));
    expect(reconcile([before as Machine], [after])[0]).toBe(after);
  });
});
