import { describe, expect, it } from "vitest";
import { sample } from "./samples";
import { endingOf, toServer } from "./server";
import { STATES, stateHint, stateOf, stateWord } from "./state";

describe("toServer", () => {
  it("lives with a machine that has said nothing yet", () => {
    const { lastStatusChange, ...silent } = sample("alpha").properties;
    expect(lastStatusChange).toBeDefined();
    expect(toServer({ ...sample("alpha"), properties: silent })).toMatchObject({
      name: "alpha",
      group: "g",
      since: "",
      heartbeat: "",
      agent: "",
      os: "",
      tags: [],
      vms: undefined,
      monitor: false,
      errors: 0,
    });
  });

  it("takes null for nothing, as the API says it of a machine that nobody has claimed", () => {
    const own = { lastHeartbeat: null, certificateExpires: null, virtualMachines: 0 };
    expect(toServer(sample("alpha", { outofband: own }))).toMatchObject({
      heartbeat: "",
      expires: "",
      vms: 0,
    });
  });

  it("writes tags as azcmagent takes them, in order", () => {
    const tagged = { ...sample("alpha"), tags: { site: "Ghent north", env: "prod", lone: "" } };
    expect(toServer(tagged).tags).toEqual(["env=prod", "lone", "site=Ghent north"]);
  });

  it.each([
    [{ osName: "Debian GNU/Linux 12 (bookworm)", osVersion: "12" }, "Debian GNU/Linux 12 (bookworm)"],
    [{ osName: "Ubuntu", osVersion: "24.04" }, "Ubuntu 24.04"],
    [{ osType: "linux" }, "linux"],
  ])("names the system of %o once", (said, expected) => {
    expect(toServer(sample("alpha", said)).os).toBe(expected);
  });

  it("minds no end of a certificate that its agent cannot renew", () => {
    const expires = "2026-02-01T00:00:00.000000Z";
    const own = { certificateExpires: expires };
    expect(toServer(sample("a", { outofband: { ...own, renews: true } })).expires).toBe(expires);
    expect(toServer(sample("a", { outofband: { ...own, renews: false } })).expires).toBe("");
  });
});

describe("stateOf", () => {
  it.each([
    ["Connected", "connected"],
    ["Disconnected", "disconnected"],
    ["Expired", "expired"],
    ["Error", "error"],
    ["AwaitingConnection", "awaiting"],
    ["Awaiting connection", "awaiting"],
    ["Dreaming", "unknown"],
    [undefined, "unknown"],
  ])("takes %s for %s", (status, expected) => {
    expect(stateOf({ properties: status === undefined ? {} : { status } })).toBe(expected);
  });

  it("has a word for each state, and says what to do in each but one", () => {
    expect(new Set(STATES.map(stateWord)).size).toBe(STATES.length);
    expect(STATES.filter((state) => !stateHint(state))).toEqual(["connected"]);
  });
});

describe("endingOf", () => {
  const now = Date.parse("2026-03-01T00:00:00Z");
  it.each([
    ["", "none"],
    ["2026-05-01T00:00:00Z", "far"],
    ["2026-03-15T00:00:00Z", "far"],
    ["2026-03-14T23:59:59Z", "near"],
    ["2026-03-01T00:00:00Z", "over"],
  ])("says of %s: %s", (expires, expected) => {
    expect(endingOf(expires, now)).toBe(expected);
  });
});
