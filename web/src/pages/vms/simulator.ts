/** VMs that play Windows' console, as cli/windows.py marks them: a tag, or one of the simulator's programs. */

import type { VirtualMachine } from "../../api/types";

const TAG = "simulator";
const PLAYS = "windows-sac";
const PROGRAM = /^win-sim(-off|-debug|-menu)?$/;

export function isSimulator(vm: Pick<VirtualMachine, "tags" | "properties">): boolean {
  return vm.tags?.[TAG] === PLAYS || PROGRAM.test(vm.properties.outofband?.program ?? "");
}
