/** Moving through a table by keys: from a control in one row to the same one in another. */

/** What marks the controls that keys move between; its value tells the column. */
export const CELL = "data-cell";

/** Focuses the control that `key` leads to from `from`; false when the key means nothing there. */
export function stepTo(key: string, from: HTMLElement, body: HTMLElement): boolean {
  const control = from.closest<HTMLElement>(`[${CELL}]`);
  const row = control?.closest("tr");
  if (!control || !row) return false;
  const to = rowFor(key, row, body);
  const target = to?.querySelector<HTMLElement>(`[${CELL}="${control.getAttribute(CELL)}"]`);
  if (!target) return false;
  target.focus();
  return true;
}

function rowFor(key: string, row: HTMLElement, body: HTMLElement): Element | null {
  switch (key) {
    case "ArrowDown":
      return row.nextElementSibling;
    case "ArrowUp":
      return row.previousElementSibling;
    case "Home":
      return body.firstElementChild;
    case "End":
      return body.lastElementChild;
    default:
      return null;
  }
}
