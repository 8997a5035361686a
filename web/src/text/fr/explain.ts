import { inWordsOf } from "../catalogue";
import type { explain as english } from "../en/explain";

export const explain = inWordsOf<typeof english>()({
  title: "Qu'est-ce que cela veut dire",
  label: "Un code, le texte d'une erreur, ou un extrait du journal d'une machine",
  hint: "Par exemple AgentOffline, ou les lignes avant l'arrêt d'une machine. Rien n'en est conservé. Ctrl+Entrée lance la recherche.",
  run: "Expliquer",
  found: { one: "{count} explication", other: "{count} explications" },
  nothing:
    "Rien n'y est reconnu. Donnez-en plus, tel que c'était affiché, avec le code entre parenthèses s'il y en avait un.",
  line: "ligne {line}",
  count: { one: "{count} fois", other: "{count} fois" },
  ended: "N'a plus cours à la fin du texte",
});
