import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ComponentType } from "react";
import { MemoryRouter } from "react-router";
import { beforeEach, describe, expect, it } from "vitest";
import { type Asked, json, type Server, serve } from "../../../../tests/server";
import { setSession } from "../../../api/session";
import type { VirtualMachine } from "../../../api/types";
import { Themed } from "../../../theme/Themed";
import { placeOf } from "../../shared/resourceId";
import { sampleVm } from "../../vms/samples";
import { VmContext } from "../vmContext";
import ConnectPage from "./ConnectPage";
import HealthPage from "./HealthPage";
import PasswordPage from "./PasswordPage";
import RulesPage from "./RulesPage";

const GROUP = "/subscriptions/aaaaaaaa-0000-0000-0000-000000000001/resourceGroups/rg1/providers";
const CARD = `${GROUP}/Microsoft.Network/networkInterfaces/n`;
const WALL = `${GROUP}/Microsoft.Network/networkSecurityGroups/web`;

let server: Server;
beforeEach(() => {
  server = serve();
  setSession({ token: async () => "token", signIn: () => new Promise(() => undefined) });
});

/** Answers every request by its method and path; what it does not know is an empty list. */
function answer(known: Record<string, (asked: Asked) => unknown>): void {
  const reply = (asked: Asked): Response => {
    const { pathname } = new URL(asked.url, "https://localhost");
    if (pathname.endsWith("/permissions")) return json({ value: [{ actions: ["*"] }] });
    const found = known[`${asked.method} ${pathname}`];
    return json(found ? found(asked) : { value: [] });
  };
  server.answer(...Array.from({ length: 60 }, () => reply));
}

function show(Page: ComponentType, more: object = {}): void {
  const vm = sampleVm({ name: "web1" });
  const data = { ...vm, properties: { ...vm.properties, ...more } } as VirtualMachine;
  const polled = {
    data,
    error: undefined,
    loading: false,
    updated: new Date(),
    refresh: async () => undefined,
  };
  render(
    <Themed>
      <MemoryRouter>
        <VmContext value={{ place: placeOf(vm.id), id: vm.id, polled }}>
          <Page />
        </VmContext>
      </MemoryRouter>
    </Themed>,
  );
}

const sent = (method: string): Asked[] => server.asked.filter((each) => each.method === method);
const networkProfile = { networkInterfaces: [{ id: CARD }] };

function card(address?: string): object {
  const publicIPAddress = address && { id: `${GROUP}/Microsoft.Network/publicIPAddresses/web1-ip` };
  return {
    id: CARD,
    name: "n",
    etag: '"1"',
    location: "local",
    properties: {
      ipConfigurations: [
        {
          name: "i",
          properties: { privateIPAddress: "10.0.0.4", primary: true, ...(address && { publicIPAddress }) },
        },
      ],
    },
  };
}

describe("Connect", () => {
  it("is greyed out without a public address, and makes and assigns one", async () => {
    let address: string | undefined;
    answer({
      [`GET ${CARD}`]: () => card(address),
      [`GET ${GROUP}/Microsoft.Network/publicIPAddresses/web1-ip`]: () => ({
        id: "p",
        name: "web1-ip",
        properties: { ipAddress: "203.0.113.4" },
      }),
      [`PUT ${CARD}`]: () => {
        address = "203.0.113.4";
        return {};
      },
    });
    show(ConnectPage, { networkProfile, osProfile: { adminUsername: "bob" } });
    const download = await screen.findByRole("button", { name: "Download RDP file" });
    expect(download.getAttribute("aria-disabled")).toBe("true");
    expect(screen.getAllByText(/no ExpressRoute or VPN/).length).toBeGreaterThan(0);
    await userEvent.click(screen.getByRole("button", { name: "Create and assign" }));
    expect(await screen.findByText("ssh bob@203.0.113.4")).toBeDefined();
    expect(download.getAttribute("aria-disabled")).not.toBe("true");
    const [made, assigned] = sent("PUT");
    expect(made?.url).toContain("/publicIPAddresses/web1-ip");
    expect(assigned?.headers.get("If-Match")).toBe('"1"');
    expect(screen.queryByRole("button", { name: "Create and assign" })).toBeNull();
  });

  it("goes through the endpoints of a classic view", async () => {
    const vm = sampleVm({ name: "web1" });
    answer({
      [`GET ${CARD}`]: () => card("203.0.113.4"),
      [`GET ${GROUP}/Microsoft.Network/publicIPAddresses/web1-ip`]: () => ({
        properties: { ipAddress: "203.0.113.4" },
      }),
      "GET /subscriptions/aaaaaaaa-0000-0000-0000-000000000001/providers/Microsoft.ClassicCompute/virtualMachines":
        () => ({
          value: [
            {
              properties: {
                outofband: { virtualMachine: { id: vm.id.toUpperCase() } },
                networkProfile: { inputEndpoints: [{ publicPort: 50022, privatePort: 22 }] },
              },
            },
          ],
        }),
    });
    show(ConnectPage, { networkProfile, osProfile: { adminUsername: "bob" } });
    expect(await screen.findByText("ssh -p 50022 bob@203.0.113.4")).toBeDefined();
    const download = screen.getByRole("button", { name: "Download RDP file" });
    expect(download.getAttribute("aria-disabled")).toBe("true");
  });

  it("says what is missing where there is no card", async () => {
    answer({});
    show(ConnectPage);
    expect(await screen.findByText(/name it in the machine's network profile/)).toBeDefined();
    expect(screen.queryByRole("button", { name: "Create and assign" })).toBeNull();
  });
});

describe("Reset password", () => {
  it("resets the configuration alone, without asking for an account", async () => {
    answer({});
    show(PasswordPage);
    await userEvent.click(screen.getByRole("radio", { name: "Reset configuration only" }));
    expect(screen.queryByLabelText(/New password/)).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "Update" }));
    expect(await screen.findByText("The configuration was reset. Try to connect again.")).toBeDefined();
    const [put] = sent("PUT");
    expect(put?.url).toContain("/extensions/enablevmaccess?");
    expect(JSON.parse(put?.body ?? "").properties.protectedSettings).toEqual({ reset_ssh: true });
  });

  it("sends nothing before all is there and the same twice", async () => {
    answer({});
    show(PasswordPage);
    await userEvent.click(screen.getByRole("button", { name: "Update" }));
    expect(await screen.findByText("The account's name is needed")).toBeDefined();
    await userEvent.type(screen.getByLabelText(/^User name/), "bob");
    await userEvent.type(screen.getByLabelText(/^New password\*?$/), "kelp-otter");
    await userEvent.type(screen.getByLabelText(/^New password again/), "kelp");
    await userEvent.click(screen.getByRole("button", { name: "Update" }));
    expect(await screen.findByText("The two are not the same")).toBeDefined();
    expect(sent("PUT")).toEqual([]);
    await userEvent.type(screen.getByLabelText(/^New password again/), "-otter");
    await userEvent.click(screen.getByRole("button", { name: "Update" }));
    expect(await screen.findByText("The account bob has the new password.")).toBeDefined();
    expect((screen.getByLabelText(/^New password\*?$/) as HTMLInputElement).value).toBe("");
  });
});

describe("Effective security rules", () => {
  it("finds the rule that is missing and adds it with one button", async () => {
    let added = false;
    const deny = {
      name: "defaultSecurityRules/DenyAllInBound",
      protocol: "All",
      access: "Deny",
      direction: "Inbound",
      priority: 65500,
      destinationPortRanges: ["0-65535"],
      sourceAddressPrefixes: ["0.0.0.0/0"],
    };
    answer({
      [`GET ${CARD}`]: () => card(),
      [`POST ${CARD}/effectiveNetworkSecurityGroups`]: () => ({
        value: [{ networkSecurityGroup: { id: WALL }, association: {}, effectiveSecurityRules: [deny] }],
      }),
      [`POST /subscriptions/aaaaaaaa-0000-0000-0000-000000000001/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_local/ipFlowVerify`]:
        () =>
          added
            ? { access: "Allow", ruleName: "securityRules/default-allow-ssh" }
            : { access: "Deny", ruleName: deny.name },
      [`PUT ${WALL}/securityRules/default-allow-ssh`]: () => {
        added = true;
        return {};
      },
    });
    show(RulesPage, { networkProfile });
    await userEvent.click(await screen.findByRole("button", { name: "Verify" }));
    expect(await screen.findByText("The rule DenyAllInBound decides.")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Add the missing rule" }));
    await waitFor(() => expect(screen.getByText("The rule default-allow-ssh decides.")).toBeDefined());
    expect(JSON.parse(sent("PUT")[0]?.body ?? "").properties).toMatchObject({
      destinationPortRange: "22",
      priority: 1000,
      access: "Allow",
    });
  });
});

describe("Resource health", () => {
  it("tells state, reason and since when", async () => {
    const vm = sampleVm({ name: "web1" });
    answer({
      [`GET ${vm.id}/providers/Microsoft.ResourceHealth/availabilityStatuses/current`]: () => ({
        properties: {
          availabilityState: "Available",
          detailedStatus: "running",
          reasonType: "",
          occuredTime: new Date().toISOString(),
        },
      }),
    });
    show(HealthPage);
    expect(await screen.findByText("Available")).toBeDefined();
    expect(screen.getByText("now")).toBeDefined();
    expect(screen.getByText(/nothing is known to be wrong/)).toBeDefined();
  });
});
