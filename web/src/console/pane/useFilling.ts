/** A pane that fills the window, on the whole screen where the browser gives it. */

import { useCallback, useEffect, useState } from "react";

interface KeyboardLock {
  lock(keys: readonly string[]): Promise<void>;
  unlock(): void;
}

/** Only some browsers let a page have Esc while it is on the whole screen. */
export const keyboardLock = (navigator as { keyboard?: KeyboardLock }).keyboard;

export interface Filling {
  readonly filling: boolean;
  /** Chosen by the person, who can end it. */
  readonly chosen: boolean;
  readonly toggle: () => void;
}

/** `always`: the window is this pane's own. */
export function useFilling(always: boolean): Filling {
  const [chosen, setChosen] = useState(false);

  useEffect(() => {
    if (!chosen) return;
    // The whole document, not the pane alone: menus and dialogs are elsewhere in it.
    document.documentElement.requestFullscreen?.().then(
      () => keyboardLock?.lock(["Escape"]).catch(() => undefined),
      () => undefined,
    );
    const changed = (): void => {
      if (!document.fullscreenElement) setChosen(false);
    };
    document.addEventListener("fullscreenchange", changed);
    return () => {
      document.removeEventListener("fullscreenchange", changed);
      keyboardLock?.unlock();
      if (document.fullscreenElement) void document.exitFullscreen();
    };
  }, [chosen]);

  const toggle = useCallback(() => setChosen((before) => !before), []);
  return { filling: chosen || always, chosen, toggle };
}
