import { inWordsOf } from "../catalogue";
import type { scaleSets as english } from "../en/scaleSets";

export const scaleSets = inWordsOf<typeof english>()({
  one: "Schaalset",
  kind: "Schaalset, updates: {mode}",
  intro: "Machines van één soort, zoveel als er worden gevraagd. Elk heeft een eigen seriële console.",
  search: "Schaalsets zoeken",
  none: "Er is geen schaalset",
  noneHint: "Maak er een in een terminal:",
  name: "Naam",
  instances: "Exemplaren",
  updates: "Bijwerken",
  empty: "Er zijn geen exemplaren",
  emptyHint: "Verhoog de capaciteit in een terminal:",
  instanceOf: "Exemplaar van de schaalset {name}",
  goneList: "Alle exemplaren van {name}",

  model: "Modelversie",
  latest: "Het nieuwste",
  stale: "Niet het nieuwste model",
  staleHint:
    "De schaalset is gewijzigd nadat dit exemplaar is gemaakt. Het werkt zoals voorheen; wat is gewijzigd, diagnostische gegevens over opstarten bijvoorbeeld, komt met het bijwerken.",
  upgrade: { one: "{count} exemplaar bijwerken", other: "{count} exemplaren bijwerken" },
  upgradeVerb: "Bijwerken",
  upgradeTitle: {
    one: "{count} exemplaar naar het nieuwste model brengen?",
    other: "{count} exemplaren naar het nieuwste model brengen?",
  },
  upgradeLoss1: "Waar de grootte is gewijzigd, start de gast opnieuw: wat niet is opgeslagen, gaat verloren.",
  upgradeLoss2:
    "Waar de installatiekopie is gewijzigd, wordt de schijf opnieuw gemaakt: alles erop gaat verloren.",
  noticeUpgrade: { one: "{name} bijwerken", other: "{count} exemplaren van {name} bijwerken" },
});
