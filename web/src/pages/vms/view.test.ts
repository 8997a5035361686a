import { describe, expect, it } from "vitest";
import { toMachine } from "./machine";
import type { Sample } from "./samples";
import { sampleVm } from "./samples";
import type { View } from "./view";
import { isNarrowed, narrow, options, order, readView, writeView } from "./view";

const samples: Sample[] = [
  { name: "web10", host: "alpha", power: "running", shows: "shell" },
  { name: "web2", host: "alpha", power: "stopped" },
  { name: "db1", host: "beta", power: "running", group: "data", shows: "grub" },
  { name: "old", host: "beta", power: "unknown", connected: false },
];
const machines = samples.map((sample) => toMachine(sampleVm(sample)));
const all = readView(new URLSearchParams());
const names = (rows: readonly { name: string }[]): string[] => rows.map((row) => row.name);

function facets(chosen: Partial<View["chosen"]>): View {
  return { ...all, chosen: { ...all.chosen, ...chosen } };
}

describe("narrow", () => {
  it("wants every word, anywhere in the row", () => {
    expect(names(narrow(machines, { ...all, text: "web ALPHA" }))).toEqual(["web10", "web2"]);
    expect(names(narrow(machines, { ...all, text: "data" }))).toEqual(["db1"]);
    expect(narrow(machines, { ...all, text: "web beta" })).toEqual([]);
  });

  it("takes any value of one facet, and all facets together", () => {
    expect(names(narrow(machines, facets({ power: ["running", "stopped"], host: ["alpha"] })))).toEqual([
      "web10",
      "web2",
    ]);
  });
});

describe("options", () => {
  it("counts what each value would show beside the choices of the other facets, not of its own", () => {
    const view = facets({ power: ["running"], host: ["alpha"] });
    expect(options(machines, "power", view)).toEqual([
      { value: "running", count: 1 },
      { value: "stopped", count: 1 },
      { value: "unknown", count: 0 },
    ]);
  });

  it("keeps a chosen value that no machine has any more, so that it can be taken back", () => {
    expect(options(machines, "host", facets({ host: ["gone"] }))).toContainEqual({ value: "gone", count: 0 });
  });
});

describe("order", () => {
  it("sorts numbers in names as numbers", () => {
    expect(names(order(machines, { sort: "name", descending: false }))).toEqual([
      "db1",
      "old",
      "web2",
      "web10",
    ]);
  });

  it("puts ports by what they show, those that show nothing last", () => {
    expect(names(order(machines, { sort: "console", descending: false }))).toEqual([
      "web10",
      "db1",
      "old",
      "web2",
    ]);
  });

  it("puts what needs a look first by health, and falls back to names", () => {
    expect(names(order(machines, { sort: "health", descending: false }))).toEqual([
      "old",
      "web2",
      "db1",
      "web10",
    ]);
    expect(names(order(machines, { sort: "health", descending: true }))).toEqual([
      "db1",
      "web10",
      "web2",
      "old",
    ]);
  });
});

describe("the address", () => {
  it("brings back the same view", () => {
    const view: View = {
      ...facets({ power: ["running", "stopped"] }),
      text: "a b",
      sort: "host",
      descending: true,
      page: 2,
    };
    expect(readView(new URLSearchParams(writeView(view).toString()))).toEqual(view);
  });

  it("is empty for the plain view, and shrugs at what it cannot read", () => {
    expect(writeView(all).toString()).toBe("");
    expect(readView(new URLSearchParams("sort=colour&page=-4&order=up"))).toEqual(all);
    expect(isNarrowed(all)).toBe(false);
    expect(isNarrowed({ ...all, text: "  " })).toBe(false);
    expect(isNarrowed(facets({ group: ["rg1"] }))).toBe(true);
  });
});
