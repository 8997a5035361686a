/** Who the API is called for. The auth module puts itself here, tests put a stand-in. */

export interface Session {
  /** An access token good for at least the next request; another one than `refused`, which was not taken. */
  token(refused?: string): Promise<string>;
  /** Leaves the page for the sign-in page, to come back to the same place. Never settles. */
  signIn(): Promise<never>;
}

let current: Session | undefined;

export function setSession(session: Session | undefined): void {
  current = session;
}

export function session(): Session {
  if (!current) throw new Error("no session: the API was called before sign-in");
  return current;
}
