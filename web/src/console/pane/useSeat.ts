import { type RefObject, useEffect, useState } from "react";
import type { Mode } from "../protocol/session";
import { Seat } from "../seat";

/** A seat at a machine's console, with its terminal in `place`, for as long as the component is shown. */
export function useSeat(
  place: RefObject<HTMLElement | null>,
  id: string,
  name: string,
  mode: Mode,
): Seat | null {
  const [seat, setSeat] = useState<Seat | null>(null);
  useEffect(() => {
    if (!place.current) return;
    const taken = new Seat({ id, name }, mode);
    taken.open(place.current);
    setSeat(taken);
    return () => {
      setSeat(null);
      taken.close();
    };
  }, [place, id, name, mode]);
  return seat;
}
