import { type ReactNode, useEffect, useState } from "react";
import { useStore } from "../../store";
import type { Seat } from "../seat";
import { HistoryPane } from "./HistoryPane";

/** Opens what was printed before when it is asked for: by the toolbar, the menu of keys, or by scrolling up past the top. */
export function History({ seat }: { seat: Seat }): ReactNode {
  const request = useStore(seat.request);
  const [open, setOpen] = useState<{ from: number | undefined }>();

  useEffect(() => {
    if (request?.kind !== "history") return;
    setOpen((now) => now ?? { from: request.back ? (seat.record.start ?? undefined) : undefined });
    seat.request.set(null);
  }, [request, seat]);

  if (!open) return null;
  return (
    <HistoryPane
      seat={seat}
      from={open.from}
      onClose={() => {
        setOpen(undefined);
        seat.screen.focus();
      }}
    />
  );
}
