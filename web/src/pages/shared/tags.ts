/** Tags while they are edited: rows of a name and a value, in the order they were typed. */

export interface TagRow {
  /** Tells rows apart while they are edited. */
  id: number;
  name: string;
  value: string;
}

/** As Azure has them, and the control plane checks. */
export const MOST_TAGS = 50;
export const MOST_NAME = 512;
export const MOST_VALUE = 256;
const FORBIDDEN = /[<>%&\\?/]/;

export type TagFault = "nameless" | "twice" | "characters" | "long";

export function rowsOf(tags: Readonly<Record<string, string>> = {}): TagRow[] {
  return Object.entries(tags)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value], id) => ({ id, name, value }));
}

/** The tags of rows without a fault; rows with nothing in them do not count. */
export function tagsOf(rows: readonly TagRow[]): Record<string, string> {
  const filled = rows.filter((row) => row.name.trim());
  return Object.fromEntries(filled.map((row) => [row.name.trim(), row.value.trim()]));
}

/** What is wrong with a row among the others; names compare without case. */
export function faultOf(row: TagRow, rows: readonly TagRow[]): TagFault | undefined {
  const name = row.name.trim();
  if (!name) return row.value.trim() ? "nameless" : undefined;
  if (name.length > MOST_NAME || row.value.trim().length > MOST_VALUE) return "long";
  if (FORBIDDEN.test(name)) return "characters";
  const before = rows.slice(0, rows.indexOf(row));
  return before.some((each) => each.name.trim().toLowerCase() === name.toLowerCase()) ? "twice" : undefined;
}

export function isFaulty(rows: readonly TagRow[]): boolean {
  return rows.some((row) => faultOf(row, rows) !== undefined);
}
