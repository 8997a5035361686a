import { describe, expect, it } from "vitest";
import { classicId, classicPath, type Endpoint, withRdp } from "./classic";

const endpoint = (endpointName: string, publicPort: number, privatePort = publicPort): Endpoint => ({
  endpointName,
  publicPort,
  privatePort,
  protocol: "tcp",
});

describe("withRdp", () => {
  it("is the usual one where it is free", () => {
    expect(withRdp([endpoint("SSH", 22)])).toEqual([endpoint("SSH", 22), endpoint("Remote Desktop", 3389)]);
  });

  it("goes to a high port, with a name of its own, where the usual ones are taken", () => {
    const taken = [endpoint("remote desktop", 3389, 22), endpoint("x", 49152, 80)];
    expect(withRdp(taken).at(-1)).toEqual(endpoint("Remote Desktop 2", 49153, 3389));
  });
});

describe("addresses", () => {
  it("are those of the API and of the portal", () => {
    const place = { subscription: "s", group: "g 1", name: "old" };
    expect(classicId(place)).toBe(
      "/subscriptions/s/resourceGroups/g 1/providers/Microsoft.ClassicCompute/virtualMachines/old",
    );
    expect(classicPath(place)).toBe("/classic/s/g%201/old");
  });
});
