import { act, renderHook } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { json, refusal, type Server, serve } from "../../../../tests/server";
import { setSession } from "../../../api/session";
import { sampleVm } from "../../vms/samples";
import { resetNic } from "./nic";
import { useNicReset } from "./useNicReset";

const vm = sampleVm({ name: "web1" });
const before = { address: "10.0.0.4", method: "Dynamic", mac: "00-0D-3A-00-00-01" };
const after = { address: "10.0.0.20", method: "Dynamic", mac: "00-0D-3A-00-00-02" };
const done = (): Response => json({ observed: "The address is another one.", before, after });

let server: Server;
beforeEach(() => {
  server = serve();
  setSession({ token: async () => "token", signIn: () => new Promise(() => undefined) });
});

/** Path and body of each request. */
const asked = (): [string, unknown][] =>
  server.asked.map(({ method, url, body }) => [
    `${method} ${new URL(url, "https://localhost").pathname.split("/").at(-1)}`,
    typeof body === "string" ? JSON.parse(body) : body,
  ]);

describe("a reset of a card", () => {
  it("is one operation, whose address the server chooses unless one is named", async () => {
    server.answer(done, done);
    await resetNic(vm, undefined);
    await resetNic(vm, "10.0.0.9");
    expect(asked()).toEqual([
      ["POST resetNic", {}],
      ["POST resetNic", { privateIPAddress: "10.0.0.9" }],
    ]);
  });

  it("goes back to its address with how it came by it, and to its card", async () => {
    const { result } = renderHook(() => useNicReset(vm, async () => undefined));
    server.answer(done, done);
    await act(() => result.current.begin(undefined, false));
    expect(result.current).toMatchObject({ busy: false, off: false, result: { before, after } });
    await act(() => result.current.begin(result.current.result?.before, false));
    expect(asked()[1]).toEqual([
      "POST resetNic",
      {
        privateIPAddress: "10.0.0.4",
        privateIPAllocationMethod: "Dynamic",
        macAddress: "00-0D-3A-00-00-01",
      },
    ]);
  });

  it("that is refused leaves no result of the one before it", async () => {
    const { result } = renderHook(() => useNicReset(vm, async () => undefined));
    server.answer(done, () => refusal(409, "NicResetUnsupported"));
    await act(() => result.current.begin(undefined, true));
    expect(result.current).toMatchObject({ off: true, error: undefined });
    await act(() => result.current.begin("10.0.0.9", true));
    expect(result.current).toMatchObject({ busy: false, result: undefined });
    expect(result.current.error).toBeDefined();
  });
});
