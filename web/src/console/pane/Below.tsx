import { makeStyles } from "@fluentui/react-components";
import { type ReactNode, useEffect, useRef } from "react";
import { useStore } from "../../store";
import type { Seat } from "../seat";

const useStyles = makeStyles({ root: { display: "contents" } });

/** What is below the terminal. Tab is the guest's, so it does not lead here from there: a key of its own does. */
export function Below({ seat, children }: { seat: Seat; children: ReactNode }): ReactNode {
  const styles = useStyles();
  const place = useRef<HTMLDivElement>(null);
  const request = useStore(seat.request);
  useEffect(() => {
    if (request?.kind !== "below") return;
    const first = [...(place.current?.querySelectorAll("button") ?? [])].find((each) => each.offsetParent);
    // Where nothing can be pressed below, the toolbar above has the rest.
    seat.request.set(first ? null : { kind: "leave" });
    first?.focus();
  }, [request, seat]);
  return (
    <div ref={place} className={styles.root}>
      {children}
    </div>
  );
}
