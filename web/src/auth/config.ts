/** What the portal has to know before anybody signs in; the control plane answers it without a token. */

import { type ApiError, late, notOurs, unreachable } from "../api/errors";
import { twice } from "../api/transport";

export interface PortalConfig {
  tenantId: string;
  clientId: string;
  issuer: string;
  /** The audience of the REST API: the scope is `<resource>/.default`. */
  resource: string;
  /** `wss://host:port` of each console gateway. */
  gateways: readonly string[];
  version: string;
  /** Of the caution that is shown before the first console; a higher one is shown again. */
  cautionVersion: number | string;
}

const SECONDS = 20;

export async function loadConfig(): Promise<PortalConfig> {
  let response: Response;
  try {
    const signal = AbortSignal.timeout(SECONDS * 1000);
    response = await twice(() =>
      fetch(`${import.meta.env.BASE_URL}config.json`, { cache: "no-store", credentials: "omit", signal }),
    );
  } catch (thrown) {
    throw thrown instanceof DOMException && thrown.name === "TimeoutError" ? late(SECONDS) : unreachable();
  }
  const found = response.ok ? ((await response.json().catch(() => undefined)) as unknown) : undefined;
  if (!isConfig(found)) throw notOurs(response.status) satisfies ApiError;
  return found;
}

function isConfig(found: unknown): found is PortalConfig {
  const config = found as Partial<PortalConfig> | undefined;
  return (
    typeof config?.tenantId === "string" &&
    typeof config.clientId === "string" &&
    typeof config.issuer === "string" &&
    typeof config.resource === "string"
  );
}
