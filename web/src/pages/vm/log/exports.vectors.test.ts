/** The files of a log are those of `oob vm log`, byte for byte; `python -m tests.support.export_vectors` made them. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import type { LogPage } from "../../../api/types";
import { castOf } from "./cast";
import * as page from "./document";

interface Vectors {
  recordings: { name: string; title: string; pages: LogPage[]; file: string }[];
  sheet: string;
  documents: {
    name: string;
    title: string;
    about: string;
    language: string;
    items: (page.Line | page.Word)[];
    file: string;
  }[];
}

const FILE = resolve(import.meta.dirname, "../../../../../tests/support/export_vectors.json");
const VECTORS = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;

test.each(VECTORS.recordings)("recording: $name", ({ title, pages, file }) => {
  expect(castOf(pages, title)).toBe(file);
});

test.each(VECTORS.documents)("document: $name", async ({ title, about, language, items, file }) => {
  const begin = await page.begin(title, about, language);
  const made = [begin, ...items.map(page.item), page.END].join("");
  expect(made).toBe(file.replace("SHEET", () => VECTORS.sheet));
});
