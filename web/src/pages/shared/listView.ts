/** The search and the page of a list, in an address. */

import { pageIn } from "./useInAddress";

export interface ListView {
  text: string;
  /** From 0. */
  page: number;
}

export function readListView(address: URLSearchParams): ListView {
  return { text: address.get("q") ?? "", page: pageIn(address) };
}

export function writeListView({ text, page }: ListView): URLSearchParams {
  const address = new URLSearchParams();
  if (text) address.set("q", text);
  if (page > 0) address.set("page", String(page + 1));
  return address;
}

/** Whether every word that was typed occurs. */
export function mentions(text: string, typed: string): boolean {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const whole = text.toLowerCase();
  return words.every((word) => whole.includes(word));
}
