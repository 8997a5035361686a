import { useEffect, useState } from "react";

/**
 * What a person with a keyboard relies on while something lies over the page: Escape closes it wherever the focus is (its
 * file may still be on the way, or the focus not in it yet), and the focus goes back to where it was when it was asked for.
 */
export function useOverPage(open: boolean, onClose: () => void): void {
  useFocusBack(open);
  useEffect(() => {
    if (!open) return;
    function press(event: KeyboardEvent): void {
      if (event.key !== "Escape" || event.isComposing || isInside(event.target)) return;
      // Before a terminal underneath sends it to its guest.
      event.preventDefault();
      event.stopPropagation();
      onClose();
    }
    document.addEventListener("keydown", press, { capture: true });
    return () => document.removeEventListener("keydown", press, { capture: true });
  }, [open, onClose]);
}

/** The second half of it alone, for what only its own buttons close. It has to be gone at once when it is closed. */
export function useFocusBack(open: boolean): void {
  // Seen while it is rendered: before what is in it takes the focus.
  const [asked, setAsked] = useState(() => ({ open, opener: openerNow() }));
  if (asked.open !== open) setAsked({ open, opener: openerNow() });
  const { opener } = asked;
  useEffect(() => (open ? () => giveBack(opener) : undefined), [open, opener]);
}

/** What has the focus; for an entry of a menu, which is gone by the time it would get it back, the menu's button. */
function openerNow(): Element | null {
  const active = document.activeElement;
  const button = active?.closest("[role='menu']")?.getAttribute("aria-labelledby");
  return button ? document.getElementById(button) : active;
}

/** What is inside has its own idea of Escape: a list or menu that is open closes first. */
function isInside(place: EventTarget | null): boolean {
  return (
    place instanceof Element && place.closest("[aria-modal='true'], [role='menu'], [role='listbox']") !== null
  );
}

/** Unless somebody has taken it already. An opener that is gone or disabled by now leaves it to the page. */
function giveBack(opener: Element | null): void {
  const holder = document.activeElement;
  if (holder && holder !== document.body) return;
  for (const place of [opener, document.getElementById("main")]) {
    if (!(place instanceof HTMLElement) || place === document.body) continue;
    place.focus({ preventScroll: true });
    if (document.activeElement === place) return;
  }
}
