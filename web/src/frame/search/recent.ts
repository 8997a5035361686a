/** What the person chose last in the search, remembered by the browser. */

const PLACE = "oob.recent.";
const KEPT = 12;

/** Ids, newest first. `who` keeps people on one browser apart. */
export function recentOf(who: string): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(PLACE + who) ?? "[]");
    return Array.isArray(found) ? found.filter((each) => typeof each === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

export function remember(who: string, id: string): void {
  const ids = [id, ...recentOf(who).filter((each) => each !== id)].slice(0, KEPT);
  try {
    localStorage.setItem(PLACE + who, JSON.stringify(ids));
  } catch {
    // Then nothing is remembered; the search works all the same.
  }
}
