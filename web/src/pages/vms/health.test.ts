import { describe, expect, it } from "vitest";
import type { InstanceViewStatus } from "../../api/types";
import { healthOf } from "./health";
import { sampleVm } from "./samples";

const lost: InstanceViewStatus = {
  code: "HostState/disconnected",
  level: "Warning",
  displayStatus: "Host disconnected",
  message: "Gone.",
};
const panicked: InstanceViewStatus = {
  code: "HostFault/GuestPanicked",
  level: "Error",
  displayStatus: "The guest's kernel has panicked",
  message: "The kernel of 'web1' has panicked.",
};

describe("healthOf", () => {
  it.each([
    ["running", "well"],
    ["starting", "changing"],
    ["stopping", "changing"],
    ["stopped", "off"],
    ["deallocated", "off"],
    ["unknown", "unknown"],
    ["hibernated", "unknown"],
  ])("reads a machine that is %s as %s", (power, condition) => {
    expect(healthOf(sampleVm({ name: "web1", power }))).toEqual({ condition });
  });

  it("names the fault its host saw, and tells it in the server's words", () => {
    expect(healthOf(sampleVm({ name: "web1", statuses: [panicked] }))).toEqual({
      condition: "fault",
      code: "GuestPanicked",
      detail: "The kernel of 'web1' has panicked.",
    });
  });

  it("puts a fault before a lost host, and a lost host before an alarm of its log", () => {
    expect(healthOf(sampleVm({ name: "web1", statuses: [lost, panicked] })).condition).toBe("fault");
    expect(healthOf(sampleVm({ name: "web1", statuses: [lost], alarm: "SpoolDiskFull" }))).toEqual({
      condition: "unreachable",
      detail: "Gone.",
    });
    expect(healthOf(sampleVm({ name: "web1", alarm: "SpoolDiskFull" }))).toEqual({
      condition: "alarm",
      code: "SpoolDiskFull",
    });
  });

  it("says why a machine could not be made", () => {
    const vm = sampleVm({ name: "web1", provisioning: "Failed", power: "unknown" });
    vm.properties.instanceView?.statuses?.splice(0, 1, {
      code: "ProvisioningState/failed/ImageNotFound",
      level: "Error",
      displayStatus: "Provisioning failed",
      message: "The host has no image 'x'.",
    });
    expect(healthOf(vm)).toEqual({
      condition: "failed",
      code: "ImageNotFound",
      detail: "The host has no image 'x'.",
    });
  });

  it("calls a machine that is being deleted changing, though it still runs", () => {
    expect(healthOf(sampleVm({ name: "web1", provisioning: "Deleting" })).condition).toBe("changing");
  });
});
