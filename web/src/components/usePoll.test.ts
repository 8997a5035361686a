import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answered, silent } from "../api/connectivity";
import { usePoll } from "./usePoll";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  hide(false);
});

function hide(hidden: boolean): void {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

const pass = (seconds: number): Promise<void> =>
  act(async () => {
    await vi.advanceTimersByTimeAsync(seconds * 1000);
  });

describe("usePoll", () => {
  it("asks at once, then again after each answer", async () => {
    let count = 0;
    const ask = vi.fn(async () => ++count);
    const { result } = renderHook(() => usePoll(ask, 5));
    expect(result.current).toMatchObject({ data: undefined, loading: true });
    await pass(0);
    expect(result.current).toMatchObject({ data: 1, loading: false });
    await pass(5);
    expect(result.current.data).toBe(2);
  });

  it("rests while nobody looks, and asks as soon as somebody does", async () => {
    const ask = vi.fn(async () => 1);
    renderHook(() => usePoll(ask, 5));
    await pass(0);
    hide(true);
    await pass(60);
    expect(ask).toHaveBeenCalledTimes(1);
    hide(false);
    await pass(0);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it("keeps what it had while it fails, asks less often, and at once when the control plane is back", async () => {
    const ask = vi.fn<() => Promise<number>>().mockResolvedValueOnce(1).mockRejectedValue(new Error("away"));
    const { result } = renderHook(() => usePoll(ask, 5));
    await pass(5);
    expect(result.current.data).toBe(1);
    expect(result.current.error).toEqual(new Error("away"));
    await pass(9);
    expect(ask).toHaveBeenCalledTimes(2);
    await pass(1);
    expect(ask).toHaveBeenCalledTimes(3);
    ask.mockResolvedValue(2);
    silent();
    answered();
    await pass(0);
    expect(result.current).toMatchObject({ data: 2, error: undefined });
  });

  it("shows nothing of the last subject under the next one", async () => {
    const first = async (): Promise<string> => "web1";
    const second = (): Promise<string> => new Promise(() => undefined);
    const { result, rerender } = renderHook(({ ask }) => usePoll(ask, 5), { initialProps: { ask: first } });
    await pass(0);
    expect(result.current.data).toBe("web1");
    rerender({ ask: second });
    expect(result.current).toMatchObject({ data: undefined, loading: true });
  });

  it("refreshes with an answer that is younger than the wish", async () => {
    let finish: (value: string) => void = () => undefined;
    const ask = vi
      .fn<() => Promise<string>>()
      .mockImplementationOnce(
        () =>
          new Promise((resolve) => {
            finish = resolve;
          }),
      )
      .mockResolvedValue("after");
    const { result } = renderHook(() => usePoll(ask, 0));
    await act(async () => {
      const refreshed = result.current.refresh();
      finish("before");
      await refreshed;
    });
    expect(result.current.data).toBe("after");
  });

  it("gives up the request of a page that is left", async () => {
    let given: AbortSignal | undefined;
    const forever = (signal: AbortSignal): Promise<never> => {
      given = signal;
      return new Promise(() => undefined);
    };
    const { unmount } = renderHook(() => usePoll(forever, 5));
    unmount();
    expect(given?.aborted).toBe(true);
  });
});
