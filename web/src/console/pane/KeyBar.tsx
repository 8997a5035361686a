import {
  Button,
  makeStyles,
  ToggleButton,
  tokens,
  useArrowNavigationGroup,
} from "@fluentui/react-components";
import type { ReactNode } from "react";
import { useStore } from "../../store";
import { t } from "../../text";
import { preferences } from "../preferences";
import type { Seat } from "../seat";
import { BAR_KEYS, FUNCTION_KEYS, type SpecialKey } from "../specialKeys";

const useStyles = makeStyles({
  // One line that is scrolled sideways: on a phone the terminal needs every line there is.
  root: {
    display: "flex",
    flexShrink: 0,
    columnGap: tokens.spacingHorizontalXXS,
    padding: tokens.spacingVerticalXXS,
    overflowX: "auto",
    backgroundColor: tokens.colorNeutralBackground2,
  },
  key: { minWidth: "44px", minHeight: "36px", flexShrink: 0, paddingInline: tokens.spacingHorizontalXS },
});

/** Keys that a phone's keyboard lacks. Ctrl and Alt hold for the next key, from here or from that keyboard. */
export function KeyBar({ seat }: { seat: Seat }): ReactNode {
  const styles = useStyles();
  const { keyBar } = useStore(preferences);
  const held = useStore(seat.modifiers);
  // One stop of Tab, as a toolbar is: there are two dozen keys.
  const arrows = useArrowNavigationGroup({ axis: "horizontal", memorizeCurrent: true });
  if (!keyBar) return null;
  // The focus stays in the terminal, or a phone would put its keyboard away with every key.
  const keep = (event: { preventDefault(): void }): void => event.preventDefault();
  const key = (each: SpecialKey): ReactNode => (
    <Button
      key={each.label}
      size="small"
      className={styles.key}
      onPointerDown={keep}
      onClick={() => seat.press(each)}
    >
      {each.label}
    </Button>
  );
  const modifier = (name: "ctrl" | "alt", label: string): ReactNode => (
    <ToggleButton
      key={name}
      size="small"
      className={styles.key}
      checked={held[name]}
      onPointerDown={keep}
      onClick={() => seat.modifiers.set({ ...held, [name]: !held[name] })}
    >
      {label}
    </ToggleButton>
  );
  const [first, tab, ...others] = BAR_KEYS;
  return (
    <div role="toolbar" aria-label={t("console.keyBar")} className={styles.root} {...arrows}>
      {first && key(first)}
      {tab && key(tab)}
      {modifier("ctrl", "Ctrl")}
      {modifier("alt", "Alt")}
      {others.map(key)}
      {FUNCTION_KEYS.map(key)}
    </div>
  );
}
