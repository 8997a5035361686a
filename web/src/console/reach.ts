/**
 * Whether this browser gets to the console listener, which has a port of its own. A browser tells a page nothing of why a
 * socket did not open; a plain request to the same place at least separates "nobody answers" from the rest.
 */

/** `refused`: no at once (a certificate that is not trusted, or a closed port); `silent`: no answer at all. */
export type Reach = "reachable" | "refused" | "silent";

const SECONDS = 5;

/** The `https` address of a file on the listener that `url` (wss) leads to. */
export function listenerAddress(url: string, path: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol === "ws:" ? "http:" : "https:"}//${host}${path}`;
}

export async function reachOf(url: string): Promise<Reach> {
  const limit = AbortSignal.timeout(SECONDS * 1000);
  try {
    await fetch(listenerAddress(url, "/healthz"), {
      mode: "no-cors",
      cache: "no-store",
      credentials: "omit",
      signal: limit,
    });
    return "reachable";
  } catch {
    return limit.aborted ? "silent" : "refused";
  }
}
