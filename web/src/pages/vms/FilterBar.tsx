import type { ReactNode } from "react";
import { t } from "../../text";
import { FilterBar as Bar } from "../shared/FilterBar";
import { powerWord } from "./Labels";
import type { Machine } from "./machine";
import { POWERS } from "./power";
import { FACETS, type Facet, options, type View } from "./view";

interface Props {
  machines: readonly Machine[];
  /** Names of subscriptions by their id. */
  names: ReadonlyMap<string, string>;
  view: View;
  onChange: (change: Partial<View>) => void;
}

export function FilterBar({ machines, names, view, onChange }: Props): ReactNode {
  return (
    <Bar
      label={t("vms.filter")}
      facets={FACETS.filter((facet) => facet !== "subscription" || names.size > 1)}
      view={view}
      word={facetWord}
      valueWord={(facet, value) => valueWord(facet, value, names)}
      options={(facet) => options(machines, facet, view)}
      onChange={onChange}
    />
  );
}

function facetWord(facet: Facet): string {
  switch (facet) {
    case "power":
      return t("vms.facetPower");
    case "host":
      return t("vms.facetHost");
    case "group":
      return t("vms.facetGroup");
    case "subscription":
      return t("vms.facetSubscription");
  }
}

function valueWord(facet: Facet, value: string, names: ReadonlyMap<string, string>): string {
  if (facet === "power") {
    const power = POWERS.find((each) => each === value);
    return power ? powerWord(power) : value;
  }
  if (facet === "subscription") return names.get(value) ?? value;
  return value || t("vms.noHost");
}
