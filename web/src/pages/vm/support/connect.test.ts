import { describe, expect, it } from "vitest";
import type { VirtualMachine } from "../../../api/types";
import { noWay, portOf, rdpFile, sshLine, userOf } from "./connect";
import { type Interface, interfacesOf, primaryOf, withPrimary } from "./network";

const card = {
  id: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n",
  name: "n",
  type: "Microsoft.Network/networkInterfaces",
  location: "local",
  properties: {
    provisioningState: "Succeeded",
    resourceGuid: "x",
    enableIPForwarding: false,
    ipConfigurations: [
      { name: "six", properties: { privateIPAddressVersion: "IPv6", primary: true } },
      { name: "four", properties: { privateIPAddress: "10.0.0.4", subnet: { id: "net" } } },
    ],
  },
} satisfies Interface;

const vm = (properties: object): VirtualMachine =>
  ({ id: "vm", name: "web1", type: "", properties: { vmId: "1", ...properties } }) as VirtualMachine;

describe("noWay", () => {
  it("tells apart no card, no address, and an address that was not given", () => {
    expect(noWay({})).toBe("noCard");
    expect(noWay({ card })).toBe("noAddress");
    const empty = { id: "p", name: "p", type: "", properties: {} };
    expect(noWay({ card, public: empty })).toBe("notGiven");
    expect(noWay({ card, public: { ...empty, properties: { ipAddress: "203.0.113.4" } } })).toBeUndefined();
  });
});

describe("portOf", () => {
  it("is the usual one, or that of an endpoint where there is a classic view", () => {
    expect(portOf({ card }, "rdp")).toBe(3389);
    const endpoints = [{ publicPort: 50000, privatePort: 3389 }];
    expect(portOf({ card, endpoints }, "rdp")).toBe(50000);
    expect(portOf({ card, endpoints }, "ssh")).toBeUndefined();
  });
});

describe("what is given to a client", () => {
  it("is a file with the address, the port and the user", () => {
    expect(rdpFile("203.0.113.4", 3389, "admin")).toBe(
      "full address:s:203.0.113.4:3389\r\nprompt for credentials:i:1\r\nadministrative session:i:1\r\nusername:s:admin\r\n",
    );
    expect(rdpFile("2001:db8::4", 3389, "")).toContain("full address:s:[2001:db8::4]:3389\r\n");
  });

  it("takes no setting out of a name", () => {
    const file = rdpFile("203.0.113.4", 3389, "admin\r\nalternate shell:s:evil");
    expect(file.split("\r\n").filter((line) => line.startsWith("alternate"))).toEqual([]);
  });

  it("is a line that a shell takes as it is meant", () => {
    expect(sshLine("203.0.113.4", 22, "bob")).toBe("ssh bob@203.0.113.4");
    expect(sshLine("203.0.113.4", 2222, "")).toBe("ssh -p 2222 203.0.113.4");
    expect(sshLine("203.0.113.4", 22, "a'; reboot")).toBe("ssh 'a'\\''; reboot'@203.0.113.4");
    expect(sshLine("203.0.113.4", 22, "-oProxyCommand=x")).toBe("ssh '-oProxyCommand=x'@203.0.113.4");
  });

  it("names the administrator where somebody said who that is", () => {
    expect(userOf(vm({ osProfile: { adminUsername: "azureuser" } }))).toBe("azureuser");
    expect(userOf(vm({}))).toBe("");
  });
});

describe("interfaces", () => {
  it("come with the primary one first", () => {
    const networkInterfaces = [{ id: "a" }, { id: "b", properties: { primary: true } }, {}];
    expect(interfacesOf(vm({ networkProfile: { networkInterfaces } }))).toEqual(["b", "a"]);
    expect(interfacesOf(vm({}))).toEqual([]);
  });

  it("are reached at their IPv4 configuration", () => {
    expect(primaryOf(card)?.name).toBe("four");
  });

  it("get a public address on that one alone, and keep all else", () => {
    expect(withPrimary(card, { publicIPAddress: { id: "p" } })).toEqual({
      location: "local",
      tags: undefined,
      properties: {
        enableIPForwarding: false,
        ipConfigurations: [
          card.properties.ipConfigurations[0],
          {
            name: "four",
            properties: {
              privateIPAddress: "10.0.0.4",
              subnet: { id: "net" },
              publicIPAddress: { id: "p" },
            },
          },
        ],
      },
    });
  });
});
