import { makeStyles, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { DeleteRegular, PowerRegular, WindowConsoleRegular } from "@fluentui/react-icons";
import { type ReactElement, type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import { placeOf, vmPath } from "../shared/resourceId";
import type { Machine } from "../vms/machine";
import { obstacleText, type Deed as Tried } from "../vms/obstacles";
import { POWER_ICONS } from "../vms/powerIcons";
import type { Obstacles } from "../vms/useObstacles";
import { DeedOutcome } from "./DeedOutcome";
import { DeedQuestion, wordFor } from "./DeedQuestion";
import type { Deed, Deeds } from "./useDeeds";

interface Props {
  machine: Machine;
  deeds: Deeds;
  obstacle: Obstacles;
}

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalS },
  bar: {
    display: "flex",
    flexWrap: "wrap",
    gap: tokens.spacingHorizontalXS,
    minWidth: 0,
    margin: 0,
    padding: 0,
    border: "none",
  },
});

const COMMANDS: readonly { deed: Exclude<Deed, "force">; icon: ReactElement }[] = [
  { deed: "start", icon: POWER_ICONS.start },
  { deed: "restart", icon: POWER_ICONS.restart },
  { deed: "powerOff", icon: POWER_ICONS.powerOff },
  { deed: "reset", icon: <PowerRegular /> },
  { deed: "delete", icon: <DeleteRegular /> },
];

/** What can be done to the machine, and below it how the last of these went. */
export function CommandBar({ machine, deeds, obstacle }: Props): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  const restore = useRestoreFocusTarget();
  const [asked, setAsked] = useState<Deed>();

  function why(deed: Tried): string | undefined {
    const found = obstacle(deed, machine);
    if (found) return obstacleText(found, deed, machine.id);
    return deeds.busy && deed !== "connect" ? t("vms.whyBusy") : undefined;
  }

  return (
    <div className={styles.root}>
      <fieldset className={styles.bar} aria-label={t("vm.commands", { name: machine.name })}>
        <GuardedButton
          appearance="primary"
          icon={<WindowConsoleRegular />}
          why={why("connect")}
          onClick={() => void navigate(vmPath(placeOf(machine.id), "console"))}
        >
          {t("vm.connect")}
        </GuardedButton>
        {COMMANDS.map(({ deed, icon }) => (
          <GuardedButton
            key={deed}
            {...restore}
            appearance="subtle"
            icon={icon}
            why={why(deed)}
            onClick={() => (deed === "start" ? void deeds.begin(deed) : setAsked(deed))}
          >
            {wordFor(deed)}
          </GuardedButton>
        ))}
      </fieldset>
      <DeedOutcome deeds={deeds} onForce={() => setAsked("force")} />
      <DeedQuestion
        deed={asked}
        name={machine.name}
        onConfirm={(deed, reason) => void deeds.begin(deed, reason)}
        onClose={() => setAsked(undefined)}
      />
    </div>
  );
}
