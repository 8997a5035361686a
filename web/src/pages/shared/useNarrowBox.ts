import { type RefCallback, useCallback, useState } from "react";

/** Pixels below which a table has no room for all of its columns; the same as in the tables' styles. */
const NARROW = 700;

/** Whether the element that gets the ref is narrow now: the window alone does not tell, beside two menus. */
export function useNarrowBox(): [RefCallback<HTMLElement>, boolean] {
  const [narrow, setNarrow] = useState(false);
  const ref = useCallback((box: HTMLElement | null) => {
    if (!box) return;
    setNarrow(box.clientWidth < NARROW);
    const observer = new ResizeObserver(() => setNarrow(box.clientWidth < NARROW));
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  return [ref, narrow];
}
