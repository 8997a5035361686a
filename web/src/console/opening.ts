/** The way to a console through Resource Manager: a ticket, and whether it is worth asking for one. */

import { arm, VERSIONS } from "../api/client";
import { notOurs } from "../api/errors";
import type { ConnectedMachine } from "../api/machines";
import type { ConsoleConnection, VirtualMachine } from "../api/types";
import { isMachine, portOf } from "../pages/shared/resourceId";
import { powerOf } from "../pages/vms/power";

/** A ticket opens one socket, once. `session` is the same for every socket of the session. */
export interface Opening {
  readonly url: string;
  readonly ticket: string;
  readonly session: string;
  /** Of a gateway that takes the first message with the request for the socket. */
  readonly subprotocol?: string;
}

/** Ask for a ticket; `session` goes on with one that lost its socket. Throws ApiError. */
export async function openingOf(vmId: string, session: string | null, signal: AbortSignal): Promise<Opening> {
  const answer = await arm.post<ConsoleConnection>(portOf(vmId, "connect"), {
    version: VERSIONS.serialConsole,
    body: session === null ? undefined : { session },
    signal,
  });
  if (typeof answer?.outofband?.url !== "string") throw notOurs(200);
  return answer.outofband;
}

/**
 * Whether the state of the VM and its host, or that of the server itself, has room for a console. It is read before a ticket is asked for again: each
 * refused request leaves a row in the activity log, a look at the state leaves none.
 */
export async function isReady(vmId: string, signal: AbortSignal): Promise<boolean> {
  if (isMachine(vmId)) {
    const server = await arm.get<ConnectedMachine>(vmId, { version: VERSIONS.hybridCompute, signal });
    return server.properties.status === "Connected";
  }
  const vm = await arm.get<VirtualMachine>(vmId, {
    version: VERSIONS.compute,
    query: { $expand: "instanceView" },
    signal,
  });
  const power = powerOf(vm);
  const made = vm.properties.provisioningState !== "Creating" || power === "running";
  const connected = vm.properties.instanceView?.outofband?.hostConnected !== false;
  return made && connected && power !== "stopped" && power !== "deallocated";
}
