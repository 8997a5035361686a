import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "./api/errors";
import { notices } from "./notices";

afterEach(() => {
  for (const { id } of notices.get()) notices.drop(id);
  vi.resetModules();
});

const failure = new ApiError({
  status: 409,
  code: "VmStopTimeout",
  message: "It did not stop.",
  remedy: ["Wait."],
});

describe("notices", () => {
  it("are newest first, unread when they end, read when they were seen", () => {
    const first = notices.start("Start web1");
    notices.start("Start web2");
    expect(notices.get().map((each) => each.title)).toEqual(["Start web2", "Start web1"]);
    notices.succeed(first);
    expect(notices.get().map((each) => each.unread)).toEqual([false, true]);
    notices.read();
    expect(notices.get().some((each) => each.unread)).toBe(false);
  });

  it("outlive a reload of the tab with their errors", async () => {
    notices.fail(notices.start("Stop web1", { name: "web1", href: "/vms/s/g/web1" }), failure);
    vi.resetModules();
    const after = await import("./notices");
    const [found] = after.notices.get();
    expect(found).toMatchObject({ title: "Stop web1", progress: "failed", subject: { name: "web1" } });
    expect(found?.error).toMatchObject({
      code: "VmStopTimeout",
      message: "It did not stop.",
      remedy: ["Wait."],
    });
  });

  it("forget the oldest that ended, never one that runs", () => {
    const running = notices.start("long");
    for (let count = 0; count < 60; count++) notices.succeed(notices.start(`short ${count}`));
    expect(notices.get()).toHaveLength(50);
    expect(notices.get().at(-1)?.id).toBe(running);
    expect(notices.get()[0]?.title).toBe("short 59");
  });

  it("clear what has ended", () => {
    const running = notices.start("long");
    notices.fail(notices.start("short"), failure);
    notices.clear();
    expect(notices.get().map((each) => each.id)).toEqual([running]);
  });

  it("tell of work that answers when it is done", async () => {
    await notices.track("NMI to web1", async () => "seen");
    await expect(notices.track("Reset web1", () => Promise.reject(failure))).rejects.toBe(failure);
    expect(notices.get().map((each) => each.progress)).toEqual(["failed", "succeeded"]);
  });
});
