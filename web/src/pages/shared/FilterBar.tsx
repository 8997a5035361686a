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
import { isNarrowed, type Narrowing, type Option } from "./facets";
import { unnarrowed } from "./tableView";

interface Props<F extends string> {
  /** The text field's name, and what it says while it is empty. */
  label: string;
  facets: readonly F[];
  view: Narrowing<F>;
  word: (facet: F) => string;
  valueWord: (facet: F, value: string) => string;
  /** Asked for only while they are seen. */
  options: (facet: F) => readonly Option[];
  onChange: (change: Partial<Narrowing<F>>) => void;
}

const useStyles = makeStyles({
  root: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalS },
  text: { flex: "1 1 16rem", maxWidth: "28rem" },
  count: { color: tokens.colorNeutralForeground3, paddingInlineStart: tokens.spacingHorizontalS },
});

/** Narrows a table by words and by facets. */
export function FilterBar<F extends string>(props: Props<F>): ReactNode {
  const { label, facets, view, onChange } = props;
  const styles = useStyles();
  // A view has facets that are not offered, too.
  const all = Object.keys(view.chosen) as F[];
  return (
    <search className={styles.root}>
      <SearchBox
        className={styles.text}
        placeholder={label}
        aria-label={label}
        dismiss={{ "aria-label": t("common.clearSearch") }}
        value={view.text}
        onChange={(_, data) => onChange({ text: data.value })}
      />
      {facets.map((facet) => (
        <FacetMenu key={facet} facet={facet} {...props} />
      ))}
      {isNarrowed(view, all) && (
        <Button appearance="subtle" icon={<DismissRegular />} onClick={() => onChange(unnarrowed(all))}>
          {t("vms.clearFilters")}
        </Button>
      )}
    </search>
  );
}

function FacetMenu<F extends string>({ facet, ...props }: Props<F> & { facet: F }): ReactNode {
  const { view, word, valueWord, onChange } = props;
  const chosen = view.chosen[facet];
  return (
    <Menu
      checkedValues={{ [facet]: [...chosen] }}
      onCheckedValueChange={(_, data) => onChange({ chosen: { ...view.chosen, [facet]: data.checkedItems } })}
    >
      <MenuTrigger disableButtonEnhancement>
        <MenuButton appearance={chosen.length > 0 ? "primary" : "secondary"}>
          {facetLabel(
            word(facet),
            chosen.map((value) => valueWord(facet, value)),
          )}
        </MenuButton>
      </MenuTrigger>
      <MenuPopover>
        <Values facet={facet} {...props} />
      </MenuPopover>
    </Menu>
  );
}

function Values<F extends string>({ facet, options, valueWord }: Props<F> & { facet: F }): ReactNode {
  const styles = useStyles();
  return (
    <MenuList>
      {options(facet).map(({ value, count }) => (
        <MenuItemCheckbox
          key={value}
          name={facet}
          value={value}
          secondaryContent={<span className={styles.count}>{number(count)}</span>}
        >
          {valueWord(facet, value)}
        </MenuItemCheckbox>
      ))}
    </MenuList>
  );
}

function facetLabel(word: string, values: readonly string[]): string {
  if (values.length === 0) return word;
  return values.length > 2
    ? t("vms.facetMany", { facet: word, count: values.length })
    : t("vms.facetChosen", { facet: word, values: list(values) });
}
