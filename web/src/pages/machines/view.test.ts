import { describe, expect, it } from "vitest";
import { sample } from "./samples";
import { toServer } from "./server";
import { narrow, options, order, readView, type View, writeView } from "./view";

const servers = [
  toServer({ ...sample("web10", { osName: "Debian" }), tags: { env: "prod" } }),
  toServer(sample("web9", { status: "Expired", outofband: { virtualMachines: 3 } }, "edge")),
  toServer({ ...sample("db1", { status: "Disconnected" }), location: "ghent" }),
];
const all = readView(new URLSearchParams());
const names = (view: Partial<View>): string[] =>
  narrow(servers, { ...all, ...view }).map((each) => each.name);

describe("the list of machines", () => {
  it("is narrowed by name, state, group, system and tag, every word of them", () => {
    expect(names({ text: "web" })).toEqual(["web10", "web9"]);
    expect(names({ text: "WEB expired" })).toEqual(["web9"]);
    expect(names({ text: "edge" })).toEqual(["web9"]);
    expect(names({ text: "debian env=prod" })).toEqual(["web10"]);
    expect(names({ text: "ghent web" })).toEqual([]);
    expect(names({ chosen: { ...all.chosen, state: ["disconnected", "expired"] } })).toEqual(["web9", "db1"]);
  });

  it("counts what a facet would show beside the other choices", () => {
    const view = { ...all, chosen: { ...all.chosen, group: ["edge"] } };
    expect(options(servers, "state", view)).toEqual([
      { value: "connected", count: 0 },
      { value: "disconnected", count: 0 },
      { value: "expired", count: 1 },
    ]);
    expect(options(servers, "group", view)).toEqual([
      { value: "edge", count: 1 },
      { value: "g", count: 2 },
    ]);
  });

  it("is put in order: names by their numbers, states by how bad they are", () => {
    const by = (sort: View["sort"], descending = false): string[] =>
      order(servers, { sort, descending }).map((each) => each.name);
    expect(by("name")).toEqual(["db1", "web9", "web10"]);
    expect(by("state")).toEqual(["web9", "db1", "web10"]);
    expect(by("vms", true)).toEqual(["web9", "db1", "web10"]);
  });

  it("is kept in the address, without what is as at first", () => {
    expect(writeView(all).toString()).toBe("");
    const view: View = {
      text: "web",
      chosen: { ...all.chosen, state: ["expired", "error"] },
      sort: "heartbeat",
      descending: true,
      page: 2,
    };
    expect(writeView(view).toString()).toBe(
      "q=web&state=expired&state=error&sort=heartbeat&order=desc&page=3",
    );
    expect(readView(writeView(view))).toEqual(view);
    expect(readView(new URLSearchParams("sort=nonsense")).sort).toBe("name");
  });
});
