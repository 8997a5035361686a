import { useCallback, useEffect, useState } from "react";
import { useLocation, useSearchParams } from "react-router";

/** Marks the addresses that this writes itself. */
const OWN = "own view";

/**
 * What of a list is shown, kept in the page's address, and how to change a part of it. It lives here and is only copied into
 * the address: the router takes its time, and a filter has to follow the typing. An address that somebody else changed,
 * by a link, is followed. `read` and `write` have to stay the same functions.
 */
export function useInAddress<V extends { page: number }>(
  read: (address: URLSearchParams) => V,
  write: (view: V) => URLSearchParams,
): [V, (change: Partial<V>) => void] {
  const [address, setAddress] = useSearchParams();
  const { state } = useLocation();
  const [view, setView] = useState(() => read(address));
  const [seen, setSeen] = useState(address.toString());

  const given = address.toString();
  if (given !== seen) {
    setSeen(given);
    if (state !== OWN) setView(read(address));
  }

  const wanted = write(view).toString();
  useEffect(() => {
    if (given !== wanted) setAddress(new URLSearchParams(wanted), { replace: true, state: OWN });
  }, [given, wanted, setAddress]);

  const change = useCallback((part: Partial<V>) => {
    // Another choice of rows begins at the first page.
    setView((now) => ({ ...now, page: 0, ...part }));
  }, []);
  return [view, change];
}

/** The page's number in an address, from 0. */
export function pageIn(address: URLSearchParams): number {
  const page = Number.parseInt(address.get("page") ?? "", 10);
  return page > 1 ? page - 1 : 0;
}
