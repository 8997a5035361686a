/** The machine that the pages under `/vms/:sub/:group/:name` are about. */

import { createContext, use } from "react";
import type { VirtualMachine } from "../../api/types";
import type { Polled } from "../../components";
import type { Place } from "../shared/resourceId";

export interface VmState {
  place: Place;
  /** The resource id, put together from the address. */
  id: string;
  polled: Polled<VirtualMachine>;
}

export const VmContext = createContext<VmState | undefined>(undefined);

export function useVm(): VmState {
  const state = use(VmContext);
  if (!state) throw new Error("useVm is used outside of a machine's pages");
  return state;
}
