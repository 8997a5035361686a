import {
  Button,
  makeStyles,
  mergeClasses,
  Text,
  tokens,
  useRestoreFocusTarget,
} from "@fluentui/react-components";
import { DismissRegular, WindowConsoleRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import type { Machine } from "./machine";
import { type Deed, obstacleText } from "./obstacles";
import { verbOf } from "./PowerQuestion";
import { POWER_ACTIONS, type PowerAction } from "./power";
import { POWER_ICONS } from "./powerIcons";
import type { Obstacles } from "./useObstacles";

interface Props {
  selected: readonly Machine[];
  busy: boolean;
  obstacle: Obstacles;
  onAct: (action: PowerAction) => void;
  onConsoles: () => void;
  onClear: () => void;
}

/** More at once no window has room for. */
const CONSOLES = 16;

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: tokens.spacingHorizontalXS,
    minWidth: 0,
    margin: 0,
    padding: 0,
    border: "none",
  },
  // A phone has no room for what cannot be used yet.
  idle: { "@media (max-width: 767px)": { display: "none" } },
});

export function SelectionBar({ selected, busy, obstacle, onAct, onConsoles, onClear }: Props): ReactNode {
  const styles = useStyles();
  const restore = useRestoreFocusTarget();

  function why(deed: Deed): string | undefined {
    if (selected.length === 0) return t("vms.whyNone");
    if (busy && deed !== "connect") return t("vms.whyWorking");
    if (deed === "connect" && selected.length > CONSOLES) return t("vms.whyConsoles", { most: CONSOLES });
    const found = selected.map((machine) => obstacle(deed, machine));
    const first = found[0];
    if (first === undefined || found.includes(undefined)) return undefined;
    return found.every((each) => each === first)
      ? obstacleText(first, deed, selected[0]?.id ?? "")
      : t("vms.whyNothing");
  }

  return (
    <fieldset
      className={mergeClasses(styles.root, selected.length === 0 && styles.idle)}
      aria-label={t("vms.selection")}
    >
      {POWER_ACTIONS.map((action) => (
        <GuardedButton
          key={action}
          {...restore}
          appearance="subtle"
          icon={POWER_ICONS[action]}
          why={why(action)}
          onClick={() => onAct(action)}
        >
          {verbOf(action)}
        </GuardedButton>
      ))}
      <GuardedButton
        appearance="subtle"
        icon={<WindowConsoleRegular />}
        why={why("connect")}
        onClick={onConsoles}
      >
        {selected.length > 1 ? t("vms.openConsoles") : t("vms.openConsole")}
      </GuardedButton>
      {selected.length > 0 && (
        <>
          <Text weight="semibold">{t("vms.selected", { count: selected.length })}</Text>
          <Button appearance="subtle" icon={<DismissRegular />} onClick={onClear}>
            {t("vms.clearSelection")}
          </Button>
        </>
      )}
    </fieldset>
  );
}
