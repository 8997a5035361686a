import { createStore, useStore } from "../store";

const query = matchMedia("(max-width: 767px)");
const narrow = createStore(query.matches);
query.addEventListener("change", (event) => narrow.set(event.matches));

/** True on a window as narrow as a phone's; the width is the same as in the bar's styles. */
export function useNarrow(): boolean {
  return useStore(narrow);
}
