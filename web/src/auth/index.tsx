/** Who is signed in, for components. */

import { createContext, type ReactNode, use, useMemo } from "react";
import type { PortalConfig } from "./config";
import type { Account, SignedIn } from "./session";

export interface Auth {
  user: Account;
  config: PortalConfig;
  signOut(): Promise<void>;
  /** For what is not a request of `arm`, such as a console's socket. */
  token(): Promise<string>;
}

const Context = createContext<Auth | undefined>(undefined);

export function AuthProvider(props: {
  session: SignedIn;
  config: PortalConfig;
  children: ReactNode;
}): ReactNode {
  const { session, config, children } = props;
  const auth = useMemo<Auth>(
    () => ({
      user: session.account,
      config,
      signOut: () => session.signOut(),
      token: () => session.token(),
    }),
    [session, config],
  );
  return <Context value={auth}>{children}</Context>;
}

/** For tests and stories of components that only need to know who is there. */
export const AuthContext = Context;

export function useAuth(): Auth {
  const auth = use(Context);
  if (!auth) throw new Error("useAuth is used outside of AuthProvider");
  return auth;
}
