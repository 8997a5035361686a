import { describe, expect, it } from "vitest";
import { type Entry, rank } from "./rank";

function entry(kind: Entry["kind"], title: string, more: Partial<Entry> = {}): Entry {
  return { id: `${kind}:${title}`, kind, title, run: () => undefined, ...more };
}

const entries = [
  entry("console", "Serial console of web1"),
  entry("machine", "web10", { hint: "rg1 · host1 · VM running" }),
  entry("machine", "web2", { hint: "rg1 · host1 · VM stopped" }),
  entry("machine", "web1", { hint: "rg2 · host2 · VM running" }),
  entry("machine", "my-web1"),
  entry("page", "Virtual machines", { words: ["vms"] }),
  entry("command", "Sign out", { words: ["logout"] }),
];
const titles = (query: string, recent?: string[]): string[] =>
  rank(query, entries, recent).map((each) => each.title);

describe("rank", () => {
  it("puts the exact name first, then beginnings, then words", () => {
    expect(titles("web1")).toEqual(["web1", "web10", "my-web1", "Serial console of web1"]);
  });

  it("counts numbers in names as numbers among equals", () => {
    expect(titles("web").slice(0, 3)).toEqual(["web1", "web2", "web10"]);
  });

  it("needs every word, wherever it is", () => {
    expect(titles("running rg2")).toEqual(["web1"]);
    expect(titles("console web1")).toEqual(["Serial console of web1"]);
    expect(titles("web1 nothing")).toEqual([]);
  });

  it("knows other words and letters that are left out", () => {
    expect(titles("logout")).toEqual(["Sign out"]);
    expect(titles("vms")[0]).toBe("Virtual machines");
    expect(titles("wb2")).toEqual(["web2"]);
  });

  it("prefers what was chosen before among equals", () => {
    expect(titles("web", ["machine:web10"])[0]).toBe("web10");
    expect(titles("web1", ["machine:web10"])[0]).toBe("web1");
  });

  it("offers the recent ones, then machines, pages and commands, to who has typed nothing", () => {
    expect(titles("", ["machine:web2", "console:Serial console of web1"])).toEqual([
      "web2",
      "Serial console of web1",
      "my-web1",
      "web1",
      "web10",
      "Virtual machines",
      "Sign out",
    ]);
    const many = Array.from({ length: 500 }, (_, index) => entry("machine", `web${index}`));
    expect(rank("", [...many, ...entries]).map((each) => each.title)).toContain("Sign out");
  });
});
