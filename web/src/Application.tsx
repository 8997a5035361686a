/** What can be shown in the page: the portal, or the reason why not. */

import type { OidcClient } from "oidc-client-ts";
import { type ReactNode, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { RouterProvider } from "react-router/dom";
import { resume } from "./api/client";
import { AuthProvider } from "./auth";
import type { PortalConfig } from "./auth/config";
import { SignedOut, SignInFailed } from "./auth/Screens";
import type { SignedIn } from "./auth/session";
import { notices } from "./notices";
import { createRouter } from "./routes";
import { Themed } from "./theme/Themed";

const roots = new WeakMap<HTMLElement, Root>();

export function showPortal(place: HTMLElement, session: SignedIn, config: PortalConfig): void {
  resume(notices.get().filter((each) => each.progress === "running"));
  show(
    place,
    <AuthProvider session={session} config={config}>
      <RouterProvider router={createRouter()} />
    </AuthProvider>,
  );
}

export function showSignedOut(place: HTMLElement, client: OidcClient): void {
  show(place, <SignedOut client={client} />);
}

/** `client` is absent when not even the portal's own settings could be had. */
export function showFailure(place: HTMLElement, error: unknown, client: OidcClient | undefined): void {
  show(place, <SignInFailed error={error} client={client} />);
}

function show(place: HTMLElement, what: ReactNode): void {
  const root = roots.get(place) ?? createRoot(place);
  roots.set(place, root);
  root.render(
    <StrictMode>
      <Themed>{what}</Themed>
    </StrictMode>,
  );
}
