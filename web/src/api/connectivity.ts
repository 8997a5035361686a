/** Whether the control plane answers, as the last requests saw it. */

import { createStore } from "../store";

export interface Connectivity {
  reachable: boolean;
  /** When it last answered. */
  seen: Date;
}

export const connectivity = createStore<Connectivity>({ reachable: true, seen: new Date() });
let last = new Date();

export function answered(): void {
  last = new Date();
  if (!connectivity.get().reachable) connectivity.set({ reachable: true, seen: last });
}

export function silent(): void {
  if (connectivity.get().reachable) connectivity.set({ reachable: false, seen: last });
}
