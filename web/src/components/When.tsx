import { type ReactNode, useEffect, useState } from "react";
import { ago, full, utc } from "../text";

interface Props {
  /** ISO 8601. */
  at: string | Date;
  /** "3 minutes ago" in place of date and time, and still right a while later. */
  relative?: boolean;
}

/** Between two looks at the clock. */
const SECONDS = 5;

/** A moment in the reader's own time; UTC, as logs have it, on hover. */
export function When({ at, relative = false }: Props): ReactNode {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!relative) return;
    const timer = setInterval(() => tick((times) => times + 1), SECONDS * 1000);
    return () => clearInterval(timer);
  }, [relative]);
  const moment = new Date(at);
  const known = !Number.isNaN(moment.getTime());
  return (
    <time
      dateTime={known ? moment.toISOString() : undefined}
      title={relative ? `${full(at)} (${utc(at)})` : utc(at)}
    >
      {relative ? ago(at) : full(at)}
    </time>
  );
}
