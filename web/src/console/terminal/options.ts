/** How the terminal looks and behaves, in one place. */

import type { ISearchOptions } from "@xterm/addon-search";
import type { ITerminalOptions } from "@xterm/xterm";

export const SCROLLBACK = 10_000;
export const USUAL_SIZE = 14;
export const SMALLEST = 8;
export const LARGEST = 32;

/** Dark in both themes, as screenshots of consoles in every manual are; every pair of colours is readable. */
const THEME = {
  background: "#0c0f14",
  foreground: "#e3e6eb",
  cursor: "#e3e6eb",
  cursorAccent: "#0c0f14",
  selectionBackground: "#2f6fbf",
  selectionForeground: "#ffffff",
  selectionInactiveBackground: "#3a4657",
  black: "#1b1f27",
  red: "#f2777a",
  green: "#8fd18b",
  yellow: "#e6c770",
  blue: "#7fb4f5",
  magenta: "#d7a1ee",
  cyan: "#6fd0d4",
  white: "#d3d7de",
  brightBlack: "#8b93a1",
  brightRed: "#ff9c9e",
  brightGreen: "#b1e8ad",
  brightYellow: "#f6dd95",
  brightBlue: "#a8ceff",
  brightMagenta: "#ebc4fb",
  brightCyan: "#9ae8eb",
  brightWhite: "#ffffff",
};

export const BACKGROUND = THEME.background;

export const OPTIONS: ITerminalOptions = {
  // Unicode versions and the marks of a search are "proposed" in this version.
  allowProposedApi: true,
  altClickMovesCursor: false,
  cursorBlink: false,
  fontFamily: 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  linkHandler: null,
  logLevel: "off",
  minimumContrastRatio: 4.5,
  // What a boot loader or firmware wipes is what one came to read.
  scrollOnEraseInDisplay: true,
  scrollback: SCROLLBACK,
  theme: THEME,
  // Window reports and titles are refused by the filter before; this is their default, and said once more.
  windowOptions: {},
};

export const MARKS: NonNullable<ISearchOptions["decorations"]> = {
  matchBackground: "#5c4a12",
  matchOverviewRuler: "#e6c770",
  activeMatchBackground: "#b38600",
  activeMatchColorOverviewRuler: "#ffffff",
};
