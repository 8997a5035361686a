/** Who has read the caution about what a console keeps (mission S9): asked once for each person in each browser. */

const PLACE = "oob.console.caution";

/** `version` is the control plane's; a newer text is shown again. */
export function isAcknowledged(person: string, version: number | string): boolean {
  try {
    return localStorage.getItem(`${PLACE}.${person}`) === String(version);
  } catch {
    return false;
  }
}

export function acknowledge(person: string, version: number | string): void {
  try {
    localStorage.setItem(`${PLACE}.${person}`, String(version));
  } catch {
    // Without storage it is asked again next time.
  }
}
