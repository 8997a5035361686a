import {
  Button,
  Menu,
  MenuButton,
  MenuItemCheckbox,
  MenuList,
  MenuPopover,
  MenuTrigger,
  makeStyles,
  SearchBox,
  tokens,
} from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { list, number, t } from "../../text";
import { powerWord } from "./Labels";
import type { Machine } from "./machine";
import { POWERS } from "./power";
import { FACETS, type Facet, isNarrowed, options, type View } from "./view";

interface Props {
  machines: readonly Machine[];
  /** Names of subscriptions by their id. */
  names: ReadonlyMap<string, string>;
  view: View;
  onChange: (change: Partial<View>) => void;
}

const useStyles = makeStyles({
  root: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalS },
  text: { flex: "1 1 16rem", maxWidth: "28rem" },
  count: { color: tokens.colorNeutralForeground3, paddingInlineStart: tokens.spacingHorizontalS },
});

export const NOTHING_CHOSEN: View["chosen"] = { power: [], host: [], group: [], subscription: [] };

export function FilterBar({ machines, names, view, onChange }: Props): ReactNode {
  const styles = useStyles();
  const facets = FACETS.filter((facet) => facet !== "subscription" || names.size > 1);
  return (
    <search className={styles.root}>
      <SearchBox
        className={styles.text}
        placeholder={t("vms.filter")}
        aria-label={t("vms.filter")}
        dismiss={{ "aria-label": t("common.clearSearch") }}
        value={view.text}
        onChange={(_, data) => onChange({ text: data.value })}
      />
      {facets.map((facet) => (
        <FacetMenu
          key={facet}
          facet={facet}
          machines={machines}
          names={names}
          view={view}
          onChange={onChange}
        />
      ))}
      {isNarrowed(view) && (
        <Button
          appearance="subtle"
          icon={<DismissRegular />}
          onClick={() => onChange({ text: "", chosen: NOTHING_CHOSEN })}
        >
          {t("vms.clearFilters")}
        </Button>
      )}
    </search>
  );
}

function FacetMenu({ facet, ...props }: Props & { facet: Facet }): ReactNode {
  const { names, view, onChange } = props;
  const chosen = view.chosen[facet];
  return (
    <Menu
      checkedValues={{ [facet]: [...chosen] }}
      onCheckedValueChange={(_, data) => onChange({ chosen: { ...view.chosen, [facet]: data.checkedItems } })}
    >
      <MenuTrigger disableButtonEnhancement>
        <MenuButton appearance={chosen.length > 0 ? "primary" : "secondary"}>
          {facetLabel(
            facet,
            chosen.map((value) => valueWord(facet, value, names)),
          )}
        </MenuButton>
      </MenuTrigger>
      <MenuPopover>
        <Values facet={facet} {...props} />
      </MenuPopover>
    </Menu>
  );
}

/** Counted only while they are seen. */
function Values({ facet, machines, names, view }: Props & { facet: Facet }): ReactNode {
  const styles = useStyles();
  return (
    <MenuList>
      {options(machines, facet, view).map(({ value, count }) => (
        <MenuItemCheckbox
          key={value}
          name={facet}
          value={value}
          secondaryContent={<span className={styles.count}>{number(count)}</span>}
        >
          {valueWord(facet, value, names)}
        </MenuItemCheckbox>
      ))}
    </MenuList>
  );
}

function facetLabel(facet: Facet, values: readonly string[]): string {
  const word = facetWord(facet);
  if (values.length === 0) return word;
  return values.length > 2
    ? t("vms.facetMany", { facet: word, count: values.length })
    : t("vms.facetChosen", { facet: word, values: list(values) });
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
