import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LogPage, LogWish } from "../../../api/types";

const asked: LogWish[] = [];
const saved: { name: string; content: BlobPart }[] = [];

vi.mock("./useLog", () => ({
  askLog: async (_id: string, wish: LogWish): Promise<LogPage> => {
    asked.push(wish);
    const from = Math.max(wish.from ?? 0, 100);
    const next = Math.min(from + 40, 260);
    return {
      ...({ start: 100, end: 260, boots: [], gaps: [], records: [], lines: [] } as unknown as LogPage),
      from,
      next,
      more: next < 260,
      at: "2026-11-27T10:00:00Z",
      data: btoa("x".repeat(next - from)),
    };
  },
}));
vi.mock("../../shared/saveAs", () => ({
  saveAs: (name: string, content: BlobPart) => saved.push({ name, content }),
}));

const { downloadLog } = await import("./download");

beforeEach(() => {
  asked.length = saved.length = 0;
});
afterEach(() => vi.clearAllMocks());

test("all of a log is read from its first byte that is left to its end", async () => {
  const parts: number[] = [];
  await downloadLog("id", "web1", "bytes", (part) => parts.push(part), new AbortController().signal);
  expect(asked.map((wish) => wish.from)).toEqual([0, 140, 180, 220]);
  expect(saved[0]?.name).toBe("web1-serial.log");
  expect(saved[0]?.content).toHaveLength(160);
  expect(parts).toEqual([0.25, 0.5, 0.75, 1]);
});

test("a part of it is read from its first byte to where it ends", async () => {
  const parts: number[] = [];
  const options = { range: { from: 150, end: 210 }, file: "seen" };
  await downloadLog("id", "web1", "cast", (part) => parts.push(part), new AbortController().signal, options);
  expect(asked.map((wish) => wish.from)).toEqual([150, 190]);
  expect(saved[0]?.name).toBe("seen.cast");
  expect(parts.at(-1)).toBe(1);
});
