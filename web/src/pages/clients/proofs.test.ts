import { describe, expect, it } from "vitest";
import type { Application, ServicePrincipal } from "../../api/types";
import { certificatesOf, joined, secretsOf } from "./clients";
import { lifeOf, lifeWords, publicPart, worstOf } from "./proofs";

const NOW = new Date("2026-06-01T12:00:00Z");
const BEGAN = "2026-01-01T00:00:00Z";

function secret(keyId: string, endDateTime: string | null): Application["passwordCredentials"][number] {
  return { keyId, startDateTime: BEGAN, endDateTime };
}

const application = (appId: string, displayName: string, ends: readonly string[]): Application => ({
  id: `a-${appId}`,
  appId,
  displayName,
  passwordCredentials: ends.map((end, index) => secret(`${appId}-${index}`, end)),
  keyCredentials: [],
});
const program = (appId: string, displayName: string): ServicePrincipal => ({
  id: `p-${appId}`,
  appId,
  displayName,
  accountEnabled: true,
  passwordCredentials: [secret("own", null)],
  keyCredentials: [{ keyId: "c", startDateTime: BEGAN, endDateTime: "2030-01-01T00:00:00Z" }],
});

describe("how long something proves a client", () => {
  it("is said in words, from the last 30 days on with the days that are left", () => {
    const said = (end: string | null, begin = BEGAN): string => lifeWords(lifeOf(begin, end, NOW));
    expect(said(null)).toBe("Good");
    expect(said("2026-07-01T12:00:01Z")).toBe("Good");
    expect(said("2026-07-01T11:59:59Z")).toBe("Ends in 29 days");
    expect(said("2026-06-02T13:00:00Z")).toBe("Ends in 1 day");
    expect(said("2026-06-02T11:00:00Z")).toBe("Ends within a day");
    expect(said("2026-06-01T12:00:00Z")).toBe("Ended");
    expect(said("2027-01-01T00:00:00Z", "2026-06-02T00:00:00Z")).toBe("Not good yet");
  });

  it("is told of a client by what needs somebody first", () => {
    const worst = (ends: readonly string[]): string | undefined => {
      const [client] = joined([application("1", "x", ends)], []);
      const life = client && worstOf(client, NOW);
      return life && lifeWords(life);
    };
    expect(worst([])).toBeUndefined();
    expect(worst(["2027-01-01T00:00:00Z"])).toBe("Good");
    expect(worst(["2027-01-01T00:00:00Z", "2026-02-01T00:00:00Z"])).toBe("Ended");
    expect(worst(["2026-06-20T00:00:00Z", "2026-06-10T00:00:00Z", "2026-02-01T00:00:00Z"])).toBe(
      "Ends in 8 days",
    );
  });
});

describe("clients", () => {
  it("are an application and its service principal, either of which may be missing", () => {
    const found = joined(
      [application("2", "backup", []), application("1", "never in", [])],
      [program("2", "backup"), program("3", "oob (local)")],
    );
    expect(found.map(({ name, builtIn }) => [name, builtIn])).toEqual([
      ["backup", false],
      ["never in", false],
      ["oob (local)", true],
    ]);
    expect(found.map((each) => [each.application?.id, each.program?.id])).toEqual([
      ["a-2", "p-2"],
      ["a-1", undefined],
      [undefined, "p-3"],
    ]);
  });

  it("show what each half holds", () => {
    const [client] = joined([application("2", "backup", [BEGAN])], [program("2", "backup")]);
    expect(client && secretsOf(client).map(({ keyId, holder }) => [keyId, holder])).toEqual([
      ["2-0", "application"],
      ["own", "program"],
    ]);
    expect(client && certificatesOf(client).map(({ holder }) => holder)).toEqual(["program"]);
  });
});

describe("a certificate's file", () => {
  const block = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
  const key = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----";

  it("gives its public part and keeps the key here", () => {
    expect(publicPart(`${key}\n${block}\n`)).toBe(block);
  });

  it("has to hold exactly one", () => {
    expect(publicPart(key)).toBeUndefined();
    expect(publicPart(`${block}\n${block}`)).toBeUndefined();
    expect(publicPart("")).toBeUndefined();
  });
});
