/** Keys that are not the guest's: what the browser, the terminal window and the menu keep for themselves. */

/** `browser`: neither ours nor the guest's, the browser does it (it pastes, for instance). */
export type Shortcut =
  | "menu"
  | "leave"
  /** To what is below the terminal: key bar, a paste's buttons, what is known of the port. */
  | "below"
  | "copy"
  | "find"
  | "history"
  | "larger"
  | "smaller"
  | "usual"
  | "browser";

type Key = Pick<
  KeyboardEvent,
  "key" | "code" | "ctrlKey" | "shiftKey" | "altKey" | "metaKey" | "getModifierState"
>;

/** The shortcut that a key is, null for one that is the guest's. `mac`: Command is the key of shortcuts there. */
export function shortcutOf(event: Key, mac: boolean): Shortcut | null {
  // AltGr is Ctrl+Alt on some systems: what it types (a bracket, on many keyboards) is text.
  if (event.getModifierState("AltGraph")) return null;
  if (mac && event.metaKey && !event.ctrlKey) return event.key.toLowerCase() === "f" ? "find" : "browser";
  if (event.altKey || event.metaKey) return null;
  if (event.shiftKey && event.key === "Insert") return "browser";
  if (!event.ctrlKey) return null;
  if (event.key === "F6") return event.shiftKey ? "below" : "leave";
  if (event.key === "Insert") return "copy";
  if (event.shiftKey) {
    switch (event.code) {
      case "KeyC":
        return "copy";
      case "KeyV":
        return "browser";
      case "KeyF":
        return "find";
    }
  }
  switch (event.key) {
    case "]":
      return "menu";
    case "+":
    case "=":
      return "larger";
    case "-":
      return "smaller";
    case "0":
      return "usual";
    default:
      return null;
  }
}
