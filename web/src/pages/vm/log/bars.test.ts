import { expect, it } from "vitest";
import type { Finding, FindingSeverity, LogBoot } from "../../../api/types";
import { barsOf, MOST_BARS } from "./bars";

function boot(number: number, seconds: number, more: Partial<LogBoot> = {}): LogBoot {
  const at = Date.parse("2026-05-04T10:00:00Z");
  const last = new Date(at + 1000 * seconds).toISOString();
  return { boot: -1, number, from: 0, end: 100, at: new Date(at).toISOString(), last, ...more };
}

function finding(of: number, severity: FindingSeverity, title: string): Finding {
  return { id: title, name: title, type: "", properties: { boot: of, severity, title } } as Finding;
}

it("shows the worst of what was found in a boot, and all of it in words", () => {
  const [bar, other] = barsOf(
    [boot(1, 10), boot(2, 10)],
    [
      finding(1, "warning", "Disk full"),
      finding(1, "error", "Kernel panic"),
      finding(1, "error", "Kernel panic"),
    ],
    0,
  );
  expect(bar?.worst).toBe("error");
  expect(bar?.titles).toEqual(["Disk full", "Kernel panic"]);
  expect(other?.worst).toBeUndefined();
});

it("is wider the longer a boot lasted, and never nothing", () => {
  const [short, long, none] = barsOf([boot(1, 10), boot(2, 100_000), boot(3, 0)], [], 0);
  expect(long?.weight).toBeGreaterThan(short?.weight ?? 0);
  expect(none?.weight).toBeGreaterThan(0);
});

it("tells boots of which nothing is left", () => {
  const bars = barsOf([boot(1, 1, { end: 50 }), boot(2, 1, { boot: 0, end: 50 })], [], 50);
  expect(bars.map((bar) => bar.gone)).toEqual([true, false]);
});

it("shows the newest of many", () => {
  const bars = barsOf(
    Array.from({ length: 50 }, (_, number) => boot(number, 1)),
    [],
    0,
  );
  expect(bars.length).toBe(MOST_BARS);
  expect(bars.at(-1)?.boot.number).toBe(49);
});
