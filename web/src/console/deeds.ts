/** What can be done to a machine from its console, beside typing. Each is shown among the notifications. */

import { arm, VERSIONS } from "../api/client";
import type { Observation } from "../api/types";
import { placeOf, portOf } from "../pages/shared/resourceId";
import { reset, subjectOf } from "../pages/vms/actions";
import { t } from "../text";
import type { Machine } from "./seat";
import type { Sysrq } from "./sysrq";

/** What the host saw the guest do. Throws ApiError. */
async function send(
  machine: Machine,
  verb: string,
  title: string,
  reason: string,
  body?: unknown,
): Promise<string> {
  const seen = await arm.begin<Observation | undefined>(portOf(machine.id, verb), {
    version: VERSIONS.serialConsole,
    title,
    subject: subjectOf(machine),
    reason,
    body,
  });
  return said(title, seen);
}

export const sendNmi = (machine: Machine, reason = ""): Promise<string> =>
  send(machine, "nmi", t("console.noticeNmi", machine), reason);

export const sendCtrlAltDel = (machine: Machine, reason = ""): Promise<string> =>
  send(machine, "ctrlAltDel", t("console.noticeCtrlAltDel", machine), reason);

export const sendSysrq = (machine: Machine, key: Sysrq, reason = ""): Promise<string> =>
  send(machine, "sysrq", t("console.noticeSysrq", { key: key.toUpperCase(), name: machine.name }), reason, {
    key,
  });

export async function sendReset(machine: Machine, reason = ""): Promise<string> {
  const { id, name } = machine;
  return said(t("vm.noticeReset", machine), await reset({ id, name, reason }));
}

function said(what: string, seen: Observation | undefined): string {
  return t("console.saidDone", { what, observed: seen?.observed ?? t("console.noAnswer") });
}

/** For a subscription whose consoles were switched off. */
export function enableConsole(machine: Machine): Promise<void> {
  const { subscription } = placeOf(machine.id);
  const path = `/subscriptions/${subscription}/providers/Microsoft.SerialConsole/consoleServices/default`;
  return arm.begin(`${path}/enableConsole`, {
    version: VERSIONS.serialConsole,
    title: t("console.noticeEnableConsole"),
    subject: subjectOf(machine),
  });
}
