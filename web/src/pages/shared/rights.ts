/** What the permissions of a scope allow, by the rules of Azure's roles. */

import type { Permission } from "../../api/types";
import { COMPUTE_VM, placeOf, SCALE_SET } from "./resourceId";

export const RIGHTS = {
  start: "Microsoft.Compute/virtualMachines/start/action",
  restart: "Microsoft.Compute/virtualMachines/restart/action",
  powerOff: "Microsoft.Compute/virtualMachines/powerOff/action",
  redeploy: "Microsoft.Compute/virtualMachines/redeploy/action",
  resetNic: "Microsoft.Compute/virtualMachines/resetNic/action",
  writeInterface: "Microsoft.Network/networkInterfaces/write",
  resetPassword: "Microsoft.Compute/virtualMachines/extensions/write",
  rescue: "Microsoft.Compute/virtualMachines/rescues/write",
  write: "Microsoft.Compute/virtualMachines/write",
  delete: "Microsoft.Compute/virtualMachines/delete",
  upgrade: "Microsoft.Compute/virtualMachineScaleSets/manualUpgrade/action",
  connect: "Microsoft.SerialConsole/serialPorts/connect/action",
  type: "Microsoft.SerialConsole/serialPorts/type/action",
  takeOver: "Microsoft.SerialConsole/serialPorts/takeOver/action",
  nmi: "Microsoft.SerialConsole/serialPorts/nmi/action",
  sysrq: "Microsoft.SerialConsole/serialPorts/sysrq/action",
  ctrlAltDel: "Microsoft.SerialConsole/serialPorts/ctrlAltDel/action",
  reset: "Microsoft.SerialConsole/serialPorts/reset/action",
  setPolicy: "Outofband.Console/policies/write",
  diagnostics: "Microsoft.Compute/virtualMachines/retrieveBootDiagnosticsData/action",
  assign: "Microsoft.Authorization/roleAssignments/write",
  unassign: "Microsoft.Authorization/roleAssignments/delete",
  disableConsole: "Microsoft.SerialConsole/consoleServices/disableConsole/action",
  enableConsole: "Microsoft.SerialConsole/consoleServices/enableConsole/action",
  readActivity: "Microsoft.Insights/eventtypes/values/read",
  readDirectory: "Microsoft.Authorization/users/read",
  writeUsers: "Microsoft.Authorization/users/write",
  writeGroups: "Microsoft.Authorization/groups/write",
  writeClients: "Microsoft.Authorization/applications/write",
  writeMachine: "Microsoft.HybridCompute/machines/write",
  deleteMachine: "Microsoft.HybridCompute/machines/delete",
} as const;
export type Right = keyof typeof RIGHTS;

/** Of these an instance of a scale set has its own; all else is asked of it as of any machine. */
const OF_INSTANCES: ReadonlySet<Right> = new Set([
  "start",
  "restart",
  "powerOff",
  "redeploy",
  "resetNic",
  "resetPassword",
  "write",
  "delete",
]);

/** The action that a right is on a resource. */
export function actionOn(id: string, right: Right): string {
  const action: string = RIGHTS[right];
  if (!OF_INSTANCES.has(right) || !placeOf(id).instance) return action;
  return action.replace(COMPUTE_VM, `${SCALE_SET}/virtualMachines`);
}

/** `notActions` takes away from its own permission only: what another one gives stays given. */
export function allows(permissions: readonly Permission[], action: string): boolean {
  return permissions.some(
    (each) =>
      each.actions.some((pattern) => matches(pattern, action)) &&
      !(each.notActions ?? []).some((pattern) => matches(pattern, action)),
  );
}

/** `*` stands for any text, slashes included; case does not count. */
function matches(pattern: string, action: string): boolean {
  const pieces = pattern.toLowerCase().split("*");
  const text = action.toLowerCase();
  const first = pieces[0] ?? "";
  const last = pieces.at(-1) ?? "";
  if (pieces.length === 1) return text === first;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}
