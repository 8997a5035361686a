/** The connected machine that the pages under `/machines/:sub/:group/:name` are about. */

import { createContext, use } from "react";
import type { ConnectedMachine } from "../../api/machines";
import type { Polled } from "../../components";
import type { Place } from "../shared/resourceId";

export interface MachineState {
  place: Place;
  /** The resource id, put together from the address. */
  id: string;
  polled: Polled<ConnectedMachine>;
}

export const MachineContext = createContext<MachineState | undefined>(undefined);

export function useMachine(): MachineState {
  const state = use(MachineContext);
  if (!state) throw new Error("useMachine is used outside of a machine's pages");
  return state;
}
