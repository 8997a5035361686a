import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fetchPart } from "./later";

const absent = (): TypeError =>
  new TypeError("Failed to fetch dynamically imported module: https://h/portal/assets/Palette-1.js");

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a part that is fetched later", () => {
  it("survives a network that is away for a moment", async () => {
    const load = vi
      .fn(async () => "part")
      .mockRejectedValueOnce(absent())
      .mockRejectedValueOnce(absent());
    const part = fetchPart(load);
    await vi.runAllTimersAsync();
    expect(await part).toBe("part");
    expect(load).toHaveBeenCalledTimes(3);
  });

  it.each([
    absent(),
    new TypeError("error loading dynamically imported module: https://h/portal/assets/Palette-1.js"),
    new TypeError("Importing a module script failed."),
  ])("and stays away has an error of its own, in every browser's words: $message", async (thrown) => {
    const part = fetchPart(() => Promise.reject(thrown));
    const told = expect(part).rejects.toMatchObject({ code: "PortalPartMissing", retryable: true });
    await vi.runAllTimersAsync();
    await told;
  });

  it("and is broken says so at once: another try would not mend it", async () => {
    const load = vi.fn(() => Promise.reject(new TypeError("x is undefined")));
    await expect(fetchPart(load)).rejects.toThrow("x is undefined");
    expect(load).toHaveBeenCalledTimes(1);
  });
});
