import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { json, type Server, serve } from "../../../tests/server";
import { setSession } from "../../api/session";
import { kindWord, parsed, tried, whatWord } from "./document";

let server: Server;

beforeEach(() => {
  server = serve();
  setSession({ token: async () => "token", signIn: () => new Promise(() => undefined) });
});
afterEach(() => setSession(undefined));

describe("a document", () => {
  it("is JSON, and what is not is told with a way on", () => {
    expect(parsed('{"format": "x"}')).toEqual({ format: "x" });
    for (const text of ["users: []", "", '"text"', "null"]) {
      expect(() => parsed(text)).toThrow(
        expect.objectContaining({ code: "NotADocument", remedy: [expect.any(String)] }),
      );
    }
  });

  it("is tried without being brought in", async () => {
    server.answer(json({ dryRun: true, changes: [] }));
    expect(await tried({ format: "x" })).toEqual([]);
    expect(JSON.parse(server.asked[0]?.body ?? "")).toEqual({ document: { format: "x" }, dryRun: true });
  });

  it("has words for its changes, and shows what it does not know as it is", () => {
    expect([kindWord("applications"), whatWord("addMember")]).toEqual(["Client", "member added"]);
    expect([kindWord("owls"), whatWord("hoot")]).toEqual(["owls", "hoot"]);
  });
});
