/** Keys that work everywhere in the portal, but where a person types. */

import { useLayoutEffect } from "react";

export interface Hotkeys {
  onSearch: () => void;
  onHelp: () => void;
}

export function useHotkeys({ onSearch, onHelp }: Hotkeys): void {
  // Before the frame is painted: whoever sees it may press at once.
  useLayoutEffect(() => {
    function press(event: KeyboardEvent): void {
      const wanted = meaning(event);
      if (wanted === undefined) return;
      event.preventDefault();
      if (wanted === "search") onSearch();
      else onHelp();
    }
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [onSearch, onHelp]);
}

/** What a key means here, undefined when it is somebody else's. A guest's shell has its own use for Ctrl+K. */
export function meaning(event: KeyboardEvent): "search" | "help" | undefined {
  if (event.defaultPrevented || event.isComposing) return undefined;
  const place = event.target instanceof Element ? event.target : undefined;
  if (place?.closest(".xterm")) return undefined;
  if (
    event.key.toLowerCase() === "k" &&
    (event.ctrlKey || event.metaKey) &&
    !event.altKey &&
    !event.shiftKey
  ) {
    return "search";
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(place) || isModal(place)) return undefined;
  if (event.key === "/") return "search";
  return event.key === "?" ? "help" : undefined;
}

function isTyping(place: Element | undefined): boolean {
  return place?.closest("input, textarea, select, [contenteditable]:not([contenteditable='false'])") != null;
}

function isModal(place: Element | undefined): boolean {
  return place?.closest("[aria-modal='true']") != null;
}
