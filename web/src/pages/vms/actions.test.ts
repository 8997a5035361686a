import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { json, type Server, serve } from "../../../tests/server";
import { setSession } from "../../api/session";
import { switchDiagnostics } from "./actions";

const GROUP = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute";
const ON = { diagnosticsProfile: { bootDiagnostics: { enabled: true } } };

let server: Server;

beforeEach(() => {
  server = serve();
  setSession({ token: async () => "token", signIn: () => new Promise(() => undefined) });
});
afterEach(() => setSession(undefined));

const asked = (): unknown[] =>
  server.asked.map((each) => [each.method, each.url.replace(/[?].*/, ""), JSON.parse(each.body ?? "null")]);

describe("boot diagnostics are switched on", () => {
  it("for a machine by itself", async () => {
    server.answer(json({}));
    await switchDiagnostics({ id: `${GROUP}/virtualMachines/web`, name: "web" }, true);
    expect(asked()).toEqual([["PATCH", `${GROUP}/virtualMachines/web`, { properties: ON }]]);
  });

  it("for an instance in the model of its scale set, which it is then brought to", async () => {
    server.answer(json({}), json({}));
    const set = `${GROUP}/virtualMachineScaleSets/web`;
    await switchDiagnostics({ id: `${set}/virtualMachines/2`, name: "web_2" }, true);
    expect(asked()).toEqual([
      ["PATCH", set, { properties: { virtualMachineProfile: ON } }],
      ["POST", `${set}/manualUpgrade`, { instanceIds: ["2"] }],
    ]);
  });
});
