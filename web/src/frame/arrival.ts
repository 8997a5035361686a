/** What a page load gives for nothing and a single page has to do itself: title, focus and scroll position. */

import { type RefObject, useEffect, useRef, useState } from "react";
import { useLocation } from "react-router";
import { t } from "../text";

/**
 * Sets the window's title, and when another page was reached moves the focus into it, unless the page has taken it already.
 * Gives the text that a live region has to say.
 */
export function useArrival(page: string, main: RefObject<HTMLElement | null>): string {
  const { pathname } = useLocation();
  const before = useRef(pathname);
  const [said, setSaid] = useState("");

  useEffect(() => {
    document.title = page ? t("frame.documentTitle", { page }) : t("common.product");
  }, [page]);

  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    setSaid(page);
    const place = main.current;
    const active = document.activeElement;
    // A dialog that the page opens at once is beside it in the document; without the focus it would be hidden from readers.
    if (!place || place.contains(active) || active?.closest("[aria-modal='true']")) return;
    place.focus({ preventScroll: true });
    place.scrollTop = 0;
  }, [pathname, page, main]);

  return said;
}
