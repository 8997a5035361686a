/** Commands that the search offers. Pages add theirs while they are shown. */

import { useEffect } from "react";
import { createStore } from "../store";

export interface Command {
  /** Unique; the same command keeps its id, so that it is remembered among the recent ones. */
  id: string;
  title: string;
  /** More words to find it by. */
  words?: readonly string[];
  run: () => void;
}

export const commands = createStore<readonly Command[]>([]);

/** Adds commands; the result takes them away again. */
export function register(...added: readonly Command[]): () => void {
  const ids = new Set(added.map((each) => each.id));
  commands.update((all) => [...all.filter((each) => !ids.has(each.id)), ...added]);
  return () => commands.update((all) => all.filter((each) => !added.includes(each)));
}

/** The commands of a page, for as long as it is shown. Wrap the list in useMemo. */
export function useCommands(list: readonly Command[]): void {
  useEffect(() => register(...list), [list]);
}
