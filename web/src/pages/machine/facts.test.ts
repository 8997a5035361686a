import { describe, expect, it } from "vitest";
import { sample } from "../machines/samples";
import { partsOf } from "./facts";

function facts(properties: Parameters<typeof sample>[1]): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    partsOf(sample("alpha", properties)).map(({ title, facts: found }) => [
      title,
      Object.fromEntries(found.map(({ name, value }) => [name, value])),
    ]),
  );
}

describe("partsOf", () => {
  it("shows no part with nothing in it", () => {
    expect(partsOf(sample("alpha"))).toEqual([]);
  });

  it("tells hardware and network in words, and nothing of it twice", () => {
    const told = facts({
      detectedProperties: {
        logicalCoreCount: "8",
        totalPhysicalMemoryInMegabytes: "16384",
        manufacturer: "Dell Inc.",
        kernel: "6.1.0",
      },
      hardwareProfile: { processors: [{ name: "Xeon", numberOfCores: 8 }, { name: "Xeon" }] },
      storageProfile: { disks: [{ name: "sda", maxSizeInBytes: 500 * 1024 ** 3, diskType: "ssd" }] },
      networkProfile: {
        networkInterfaces: [
          {
            name: "eth0",
            macAddress: "52:54:00:00:00:01",
            ipAddresses: [
              { address: "10.0.0.7", subnet: { addressPrefix: "10.0.0.0/24" } },
              { address: "fe80::1", subnet: { addressPrefix: "64" } },
            ],
          },
        ],
      },
      cloudMetadata: { provider: "N/A" },
    });
    expect(told["Hardware"]).toEqual({
      Manufacturer: "Dell Inc.",
      Processor: "Xeon",
      "Logical cores": "8",
      "Main memory": "16 GiB",
      "Disk sda": "500 GiB, ssd",
    });
    expect(told["Network and place"]).toEqual({
      "Interface eth0": "10.0.0.7/24, fe80::1/64, 52:54:00:00:00:01",
    });
    expect(told["Detected properties"]).toEqual({ kernel: "6.1.0" });
  });

  it("shows configuration as the API has it, and services by the agent's own names", () => {
    const told = facts({
      agentConfiguration: {
        proxyUrl: "http://proxy:3128",
        extensionsEnabled: true,
        incomingConnectionsPorts: ["22", "80"],
        extensionsAllowList: [{ publisher: "p", type: "t" }],
        configMode: "",
      },
      serviceStatuses: { extensionService: { status: "running", startupType: "automatic" } },
      outofband: { services: { himds: "running" } },
    });
    expect(told["Configuration of the agent"]).toEqual({
      configMode: "None",
      extensionsAllowList: '{"publisher":"p","type":"t"}',
      extensionsEnabled: "Yes",
      incomingConnectionsPorts: "22, 80",
      proxyUrl: "http://proxy:3128",
    });
    expect(told["Services of the agent"]).toEqual({ himds: "running" });
    const azures = facts({ serviceStatuses: { extensionService: { status: "stopped" } } });
    expect(azures["Services of the agent"]).toEqual({ extensionService: "stopped" });
  });

  it("says of a VM host what it offers", () => {
    const told = facts({
      detectedProperties: { accelerator: "tcg", probe: "no /dev/kvm" },
      outofband: { drivers: ["qemu", "pty"], images: ["demo"], programs: [], monitor: true },
    });
    expect(told["What it can host"]).toMatchObject({
      Accelerator: "TCG (software, slow)",
      Drivers: "qemu, pty",
      Images: "demo",
    });
    expect(told["What it can host"]).not.toHaveProperty("Programs");
    expect(told["What it can host"]).toHaveProperty("Policy of the host");
  });
});
