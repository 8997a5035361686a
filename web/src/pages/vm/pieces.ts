import type { Tail, TailRecord } from "../../api/types";

/** Lines of the guest's that follow each other, or one record of who was there. */
export type Piece = { lines: string } | { record: TailRecord };

/** A log's lines and records in their order. Each is a piece of its own: no line can pass for a record. */
export function piecesOf({ lines, records = [] }: Pick<Tail, "lines" | "records">): Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  const upTo = (end: number): void => {
    if (end <= done) return;
    const text = lines.slice(done, end).map((line) => line.text);
    pieces.push({ lines: text.join("\n") });
    done = end;
  };
  for (const record of records) {
    upTo(Math.min(record.before, lines.length));
    pieces.push({ record });
  }
  upTo(lines.length);
  return pieces;
}
