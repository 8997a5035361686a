/** The OpenID Connect client: authorization code with PKCE, refresh tokens, all on the portal's own origin. */

import { OidcClient, WebStorageStateStore } from "oidc-client-ts";
import type { PortalConfig } from "./config";

export const HOME = `${location.origin}${import.meta.env.BASE_URL}`;

/**
 * Endpoints are taken from this page's origin, not from the issuer: the control plane answers under several names, and the
 * one that the browser trusts is the one it is on. The client keeps no tokens; what is needed to come back from the sign-in
 * page (state, PKCE verifier) outlives the page in the tab's own storage, so that several tabs never meet.
 */
export function createClient(config: PortalConfig): OidcClient {
  const authority = `${location.origin}/${encodeURIComponent(config.tenantId)}`;
  return new OidcClient({
    authority,
    metadata: {
      issuer: config.issuer,
      authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
      token_endpoint: `${authority}/oauth2/v2.0/token`,
      end_session_endpoint: `${authority}/oauth2/v2.0/logout`,
      jwks_uri: `${authority}/discovery/v2.0/keys`,
    },
    client_id: config.clientId,
    redirect_uri: HOME,
    post_logout_redirect_uri: HOME,
    response_type: "code",
    scope: `${config.resource}/.default openid profile offline_access`,
    stateStore: new WebStorageStateStore({ store: sessionStorage, prefix: "oob.oidc." }),
    loadUserInfo: false,
    filterProtocolClaims: false,
  });
}
