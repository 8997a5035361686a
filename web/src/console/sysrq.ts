/** The SysRq keys that Linux knows (Documentation/admin-guide/sysrq.rst), sorted by what they do to the guest. */

export const LOOK = ["h", "l", "m", "p", "t", "w", "d", "q", "9"] as const;
export const SAVE = ["s", "u", "j", "n", "r"] as const;
/** Each of these ends something that cannot be had back: asked about first. */
export const FORCE = ["f", "k", "e", "i", "c", "b", "o"] as const;

export type Sysrq = (typeof LOOK)[number] | (typeof SAVE)[number] | (typeof FORCE)[number];

export function isForce(key: Sysrq): boolean {
  return (FORCE as readonly string[]).includes(key);
}
