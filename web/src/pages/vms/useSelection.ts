import { useCallback, useMemo, useState } from "react";
import type { Machine } from "./machine";

interface Selection {
  /** Keys of the selected machines. */
  selected: ReadonlySet<string>;
  /** The selected machines among `found`, in its order. */
  chosen: readonly Machine[];
  select: (keys: readonly string[], on: boolean) => void;
  clear: () => void;
}

/** What a filter hides is not selected: nothing is done to a machine that cannot be seen. */
export function useSelection(found: readonly Machine[]): Selection {
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  const chosen = useMemo(() => found.filter((machine) => keys.has(machine.key)), [found, keys]);
  const selected = useMemo(() => new Set(chosen.map((machine) => machine.key)), [chosen]);
  const select = useCallback((some: readonly string[], on: boolean) => {
    setKeys((now) => {
      const next = new Set(now);
      for (const key of some) {
        if (on) next.add(key);
        else next.delete(key);
      }
      return next;
    });
  }, []);
  const clear = useCallback(() => setKeys(new Set()), []);
  return { selected, chosen, select, clear };
}
