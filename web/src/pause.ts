/** Waits `seconds`, or less when `signal` ends it: then it throws a DOMException named AbortError. */
export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new DOMException("No longer wanted", "AbortError"));
    const timer = setTimeout(done, seconds * 1000);
    signal?.addEventListener("abort", stopped, { once: true });
    function done(): void {
      signal?.removeEventListener("abort", stopped);
      resolve();
    }
    function stopped(): void {
      clearTimeout(timer);
      reject(new DOMException("No longer wanted", "AbortError"));
    }
  });
}
