/** How this person likes the terminal; remembered by the browser. */

import { createStore } from "../store";
import { LARGEST, SMALLEST, USUAL_SIZE } from "./terminal/options";

export interface Preferences {
  readonly fontSize: number;
  readonly screenReader: boolean;
  /** Long lines go on in the next one, whatever the guest's firmware asked for. */
  readonly wrap: boolean;
  /** Keys that a phone lacks, below the terminal; shown by itself where there is no mouse. */
  readonly keyBar: boolean;
  /** Tell a guest the size of the terminal once after each login. */
  readonly sizeAfterLogin: boolean;
}

const PLACE = "oob.console";

export const preferences = createStore<Preferences>(remembered());

export function prefer(change: Partial<Preferences>): void {
  const wanted = { ...preferences.get(), ...change };
  preferences.set({ ...wanted, fontSize: bounded(wanted.fontSize) });
  try {
    localStorage.setItem(PLACE, JSON.stringify(preferences.get()));
  } catch {
    // Then they last as long as the page.
  }
}

function remembered(): Preferences {
  let found: Partial<Preferences> | null = null;
  try {
    found = JSON.parse(localStorage.getItem(PLACE) ?? "null") as Partial<Preferences> | null;
  } catch {
    // Storage that is forbidden or holds something else.
  }
  return {
    fontSize: bounded(Number(found?.fontSize) || USUAL_SIZE),
    screenReader: found?.screenReader === true,
    wrap: found?.wrap !== false,
    keyBar: found?.keyBar ?? globalThis.matchMedia?.("(pointer: coarse)").matches === true,
    sizeAfterLogin: found?.sizeAfterLogin === true,
  };
}

function bounded(size: number): number {
  return Math.max(SMALLEST, Math.min(LARGEST, Math.round(size)));
}
