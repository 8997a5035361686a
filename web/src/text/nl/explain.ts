import { inWordsOf } from "../catalogue";
import type { explain as english } from "../en/explain";

export const explain = inWordsOf<typeof english>()({
  title: "Wat betekent het",
  label: "Een code, de tekst van een fout, of een stuk van het logboek van een machine",
  hint: "Bijvoorbeeld AgentOffline, of de regels voordat een machine stopte. Niets ervan wordt bewaard. Ctrl+Enter vraagt het.",
  run: "Uitleggen",
  found: { one: "{count} verklaring", other: "{count} verklaringen" },
  nothing:
    "Er wordt niets in herkend. Geef er meer van, zoals het werd getoond, met de code tussen haakjes als die er was.",
  line: "regel {line}",
  count: { one: "{count} keer", other: "{count} keer" },
  ended: "Voorbij aan het eind van de tekst",
});
