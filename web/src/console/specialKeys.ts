/** Keys that a phone lacks, or that a browser or an operating system keeps for itself; as xterm sends them. */

export interface SpecialKey {
  readonly label: string;
  readonly sends: string;
  /** In the form that full-screen programs ask for. */
  readonly applicationSends?: string;
}

const CSI = "\x1b[";
const SS3 = "\x1bO";

function arrow(label: string, letter: string): SpecialKey {
  return { label, sends: CSI + letter, applicationSends: SS3 + letter };
}

export const KEYS: readonly SpecialKey[] = [
  { label: "Esc", sends: "\x1b" },
  { label: "Tab", sends: "\t" },
  { label: "Ctrl+C", sends: "\x03" },
  { label: "Ctrl+D", sends: "\x04" },
  { label: "Ctrl+Z", sends: "\x1a" },
  { label: "Ctrl+\\", sends: "\x1c" },
  { label: "Ctrl+]", sends: "\x1d" },
  arrow("↑", "A"),
  arrow("↓", "B"),
  arrow("→", "C"),
  arrow("←", "D"),
  { label: "Home", sends: `${CSI}H` },
  { label: "End", sends: `${CSI}F` },
  { label: "Page Up", sends: `${CSI}5~` },
  { label: "Page Down", sends: `${CSI}6~` },
  { label: "Delete", sends: `${CSI}3~` },
];

/** F1 to F12. */
export const FUNCTION_KEYS: readonly SpecialKey[] = [
  ...["P", "Q", "R", "S"].map((letter) => SS3 + letter),
  ...[15, 17, 18, 19, 20, 21, 23, 24].map((number) => `${CSI}${number}~`),
].map((sends, index) => ({ label: `F${index + 1}`, sends }));
