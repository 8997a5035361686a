/** What a serial port may show, by the names of wire/portstate.py. */
export const PORT_STATES = [
  "sac",
  "sacFailed",
  "healthReport",
  "bootManager",
  "kernelDebugger",
  "login",
  "shell",
  "grub",
  "firmware",
  "silent",
  "unknown",
] as const;

export type PortState = (typeof PORT_STATES)[number];

export function isPortState(word: string): word is PortState {
  return (PORT_STATES as readonly string[]).includes(word);
}
