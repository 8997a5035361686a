import { describe, expect, it } from "vitest";
import { ago, full, localTimes, t, utc } from ".";
import { fill } from "./catalogue";
import { frame } from "./en/frame";

describe("fill", () => {
  it("puts values into their places, numbers as the language writes them", () => {
    expect(fill("{name} has {count} consoles", { name: "web1", count: 12345 }, "en")).toBe(
      "web1 has 12,345 consoles",
    );
  });

  it("leaves a place without a value to be seen", () => {
    expect(fill("Stop {name}?", {}, "en")).toBe("Stop {name}?");
  });

  it("does not look for places inside values", () => {
    expect(fill("{a} {b}", { a: "{b}", b: "x" }, "en")).toBe("{b} x");
  });

  it.each([
    [0, "0 results"],
    [1, "1 result"],
    [2, "2 results"],
  ])("chooses the plural form of %i", (count, expected) => {
    expect(fill(frame.searchCount, { count }, "en")).toBe(expected);
  });

  it("falls back to the form that every language has", () => {
    expect(fill({ other: "{count} mal" }, { count: 1 }, "de")).toBe("1 mal");
  });
});

describe("t", () => {
  it("finds a message by area and name", () => {
    expect(t("common.retry")).toBe("Try again");
    expect(t("frame.documentTitle", { page: "Hosts" })).toBe("Hosts - Outofband");
  });

  it("holds keys and values to the catalogue", () => {
    // @ts-expect-error: there is no such key
    expect(t("common.nonsense")).toBe("common.nonsense");
    // @ts-expect-error: a value is missing
    expect(t("frame.documentTitle")).toBe("{page} - Outofband");
  });
});

describe("dates", () => {
  const now = new Date("2026-01-02T03:04:05Z");

  it.each([
    ["2026-01-02T03:04:05Z", "now"],
    ["2026-01-02T03:03:55Z", "10 seconds ago"],
    ["2026-01-02T03:02:01Z", "2 minutes ago"],
    ["2026-01-01T03:04:05Z", "yesterday"],
    ["2026-01-02T04:04:05Z", "in 1 hour"],
  ])("says of %s: %s", (iso, expected) => {
    expect(ago(iso, now)).toBe(expected);
  });

  it("gives UTC as logs have it, and text that is no time as it was", () => {
    expect(utc("2026-01-02T03:04:05.678Z")).toBe("2026-01-02 03:04:05 UTC");
    expect(utc("soon")).toBe("soon");
    expect(ago("soon", now)).toBe("soon");
  });
});

describe("localTimes", () => {
  it("puts the reader's own times into a sentence of the server's", () => {
    const iso = "2026-11-25T20:40:28.435632Z";
    expect(localTimes(`Away since ${iso}, again since ${iso}.`)).toBe(
      `Away since ${full(iso)}, again since ${full(iso)}.`,
    );
    expect(localTimes("Nothing on 2026-11-25.")).toBe("Nothing on 2026-11-25.");
  });
});
