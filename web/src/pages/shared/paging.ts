/** Long lists, page by page. */

export const PAGE_SIZE = 50;

export function pages(count: number): number {
  return Math.max(1, Math.ceil(count / PAGE_SIZE));
}

/** The rows of a page, counted from 0; a page past the end is the last one. */
export function pageOf<T>(rows: readonly T[], view: { page: number }): { rows: readonly T[]; page: number } {
  const page = Math.min(view.page, pages(rows.length) - 1);
  return { rows: rows.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), page };
}
