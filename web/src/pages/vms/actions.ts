/** What is done to a machine from several pages, begun and shown among the notifications. */

import { arm, VERSIONS } from "../../api/client";
import type { Observation, OperationStatus } from "../../api/types";
import type { Subject } from "../../notices";
import { t } from "../../text";
import { upgradeOne } from "../scaleSets/sets";
import { ownerPath, placeOf, portOf, setId, setOf } from "../shared/resourceId";
import type { PowerAction } from "./power";

interface Target {
  id: string;
  name: string;
  /** Why, for the activity log. */
  reason?: string | undefined;
}

export function titleOf(action: PowerAction, name: string): string {
  switch (action) {
    case "start":
      return t("vms.noticeStart", { name });
    case "restart":
      return t("vms.noticeRestart", { name });
    case "powerOff":
      return t("vms.noticeStop", { name });
  }
}

export function subjectOf(target: Target): Subject {
  return { name: target.name, href: ownerPath(target.id) };
}

/** What the host saw happen, once it has. Throws ApiError. */
export function act(
  action: PowerAction,
  target: Target,
  signal?: AbortSignal,
): Promise<Observation | undefined> {
  return arm.begin<Observation | undefined>(`${target.id}/${action}`, {
    version: VERSIONS.compute,
    title: titleOf(action, target.name),
    subject: subjectOf(target),
    reason: target.reason,
    signal,
  });
}

/** Without asking the guest. */
export function cutPower(target: Target): Promise<Observation | undefined> {
  return arm.begin<Observation | undefined>(`${target.id}/powerOff`, {
    version: VERSIONS.compute,
    query: { skipShutdown: true },
    title: t("vm.noticeForce", { name: target.name }),
    subject: subjectOf(target),
    reason: target.reason,
  });
}

/** To another host where there is one; `onStatus` is told how far it is. */
export function redeploy(
  target: Target,
  onStatus?: (status: OperationStatus) => void,
): Promise<Observation | undefined> {
  return arm.begin<Observation | undefined>(`${target.id}/redeploy`, {
    version: VERSIONS.compute,
    title: t("support.noticeRedeploy", { name: target.name }),
    subject: subjectOf(target),
    reason: target.reason,
    ...(onStatus && { onStatus }),
  });
}

/** As with the button on the case. */
export function reset(target: Target): Promise<Observation | undefined> {
  return arm.begin<Observation | undefined>(portOf(target.id, "reset"), {
    version: VERSIONS.serialConsole,
    title: t("vm.noticeReset", { name: target.name }),
    subject: subjectOf(target),
    reason: target.reason,
  });
}

/**
 * Switch boot diagnostics: with them off no console of the machine opens, and those that are open end. An instance has them by the model of its scale set: that is changed, and
 * the instance is brought to it; the others follow when they are updated.
 */
export async function switchDiagnostics(target: Target, on: boolean): Promise<void> {
  const set = setOf(placeOf(target.id));
  const settings = { diagnosticsProfile: { bootDiagnostics: { enabled: on } } };
  await arm.begin(set ? setId(set) : target.id, {
    method: "PATCH",
    version: VERSIONS.compute,
    body: { properties: set ? { virtualMachineProfile: settings } : settings },
    title: t(on ? "vm.noticeDiagnostics" : "vm.noticeDiagnosticsOff", { name: target.name }),
    subject: subjectOf(target),
    reason: target.reason,
  });
  if (set) await upgradeOne(target.id);
}
