import { useCallback, useEffect, useState } from "react";
import { useLocation, useSearchParams } from "react-router";
import { readView, type View, writeView } from "./view";

/** Marks an entry of the history that the page wrote itself. */
const OWN = "view";

/**
 * The view of the list, and how to change a part of it. It lives here and is only copied into the address: the router takes its
 * time, and a filter has to follow the typing. An address that somebody else changed, by a link, is followed.
 */
export function useView(): [View, (change: Partial<View>) => void] {
  const [address, setAddress] = useSearchParams();
  const { state } = useLocation();
  const [view, setView] = useState(() => readView(address));
  const [seen, setSeen] = useState(address.toString());

  const given = address.toString();
  if (given !== seen) {
    setSeen(given);
    if (state !== OWN) setView(readView(address));
  }

  const wanted = writeView(view).toString();
  useEffect(() => {
    if (given !== wanted) setAddress(new URLSearchParams(wanted), { replace: true, state: OWN });
  }, [given, wanted, setAddress]);

  const change = useCallback((part: Partial<View>) => {
    // Another choice of rows begins at the first page.
    setView((now) => ({ ...now, page: 0, ...part }));
  }, []);
  return [view, change];
}
