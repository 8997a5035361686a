/** SAC's commands, with the form of their arguments, in the order of its own help. */

export interface Command {
  /** What is typed. */
  readonly name: string;
  /** What has to follow, as SAC's help writes it. */
  readonly form?: string;
  /** Key of its words among the texts. */
  readonly text: `sac_${string}`;
  /** It cannot be taken back: typed, but not entered. */
  readonly ends?: true;
}

export const COMMANDS = [
  { name: "?", text: "sac_help" },
  { name: "ch", text: "sac_ch" },
  { name: "cmd", text: "sac_cmd" },
  { name: "d", text: "sac_d" },
  { name: "t", text: "sac_t" },
  { name: "f", text: "sac_f" },
  { name: "i", text: "sac_i" },
  { name: "i", form: "<#> <ip> <subnet> <gateway>", text: "sac_iSet" },
  { name: "id", text: "sac_id" },
  { name: "k", form: "<pid>", text: "sac_k" },
  { name: "l", form: "<pid>", text: "sac_l" },
  { name: "r", form: "<pid>", text: "sac_r" },
  { name: "m", form: "<pid> <MB>", text: "sac_m" },
  { name: "p", text: "sac_p" },
  { name: "s", text: "sac_s" },
  { name: "s", form: "mm/dd/yyyy hh:mm", text: "sac_sSet" },
  { name: "lock", text: "sac_lock" },
  { name: "restart", text: "sac_restart", ends: true },
  { name: "shutdown", text: "sac_shutdown", ends: true },
  { name: "crashdump", text: "sac_crashdump", ends: true },
] as const satisfies readonly Command[];

const TO_SAC = "\x1b\t0";

/** What brings the line to an empty prompt of SAC: `left` characters stand behind it, null where it is not there. */
export function toPrompt(left: number | null): string {
  return left === null ? TO_SAC : "\b".repeat(left);
}

/** What is typed for a command; one that wants arguments or cannot be taken back is left to be entered. */
export function typedFor({ name, form, ends }: Pick<Command, "name" | "form" | "ends">): string {
  if (form !== undefined) return `${name} `;
  return ends ? name : `${name}\r`;
}

/** Show a channel: SAC first says what it is, and any key goes on to it. */
export function showChannel(number: number): string {
  return number === 0 ? "" : `ch -si ${number}\r `;
}
