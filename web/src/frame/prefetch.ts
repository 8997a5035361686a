/** Fetches what will be wanted soon, once the first page is there: search, questions, the console. */

import { fetchPart } from "../later";

const SOON: readonly (() => Promise<unknown>)[] = [
  () => import("../components/ConfirmDialog"),
  () => import("./search/Palette"),
  () => import("./notifications/NoticeDrawer"),
  () => import("./notifications/Toasts"),
  () => import("../pages/vm/VmPage"),
  () => import("../pages/vm/OverviewPage"),
  () => import("../pages/vm/ConsolePage"),
];
const AFTER_MS = 2000;

/** One after the other, at moments when the page has nothing to do. Not for who asked the browser to save data. */
export function prefetch(signal: AbortSignal): void {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  if (connection?.saveData) return;
  const rest = [...SOON];
  const next = (): void => {
    const load = rest.shift();
    if (!load || signal.aborted) return;
    // What could not be fetched now is fetched, and its failure told, when it is wanted.
    void fetchPart(load).then(later, () => undefined);
  };
  const later = (): void => {
    if ("requestIdleCallback" in window) requestIdleCallback(next);
    else setTimeout(next, 200);
  };
  setTimeout(later, AFTER_MS);
}
