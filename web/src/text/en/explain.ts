import type { Messages } from "../catalogue";

export const explain = {
  title: "What does it mean",
  label: "A code, an error's text, or some of a machine's log",
  hint: "For instance AgentOffline, or the lines before a machine stopped. Nothing of it is kept. Ctrl+Enter asks.",
  run: "Explain",
  found: { one: "{count} explanation", other: "{count} explanations" },
  nothing:
    "Nothing is recognised in it. Give more of it, as it was shown, with the code in parentheses if there was one.",
  line: "line {line}",
  count: { one: "{count} time", other: "{count} times" },
  ended: "Over by the end of the text",
} as const satisfies Messages;
