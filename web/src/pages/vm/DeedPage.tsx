import { makeStyles, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { type ReactElement, type ReactNode, useMemo, useState } from "react";
import type { VirtualMachine } from "../../api/types";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { CommandLine } from "../shared/CommandLine";
import { GuardedButton } from "../shared/GuardedButton";
import { toMachine } from "../vms/machine";
import { obstacleText } from "../vms/obstacles";
import { useObstacles } from "../vms/useObstacles";
import { DeedOutcome } from "./DeedOutcome";
import { DeedQuestion, lossesFor, wordFor } from "./DeedQuestion";
import { type Deed, useDeeds } from "./useDeeds";
import { VmGate } from "./VmGate";
import { VmHeader } from "./VmHeader";
import { useVm } from "./vmContext";

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalL, maxWidth: "48rem" },
  list: { margin: 0, paddingInlineStart: tokens.spacingHorizontalXL },
  text: { margin: 0 },
});

interface Props {
  deed: "reset" | "restart" | "redeploy";
  title: string;
  icon: ReactElement;
  /** Sentences: when it is the right thing, and what happens. */
  when: readonly string[];
  what: readonly string[];
}

/** One thing that can be done to a hanging machine, explained, with its button. */
export function DeedPage({ title, ...props }: Props): ReactNode {
  return (
    <>
      <VmHeader page={wordFor(props.deed)} />
      <VmGate>{(vm) => <Explained vm={vm} title={title} {...props} />}</VmGate>
    </>
  );
}

function Explained({ vm, deed, title, icon, when, what }: Props & { vm: VirtualMachine }): ReactNode {
  const styles = useStyles();
  const { polled } = useVm();
  const restore = useRestoreFocusTarget();
  const [asked, setAsked] = useState<Deed>();
  const machine = useMemo(() => toMachine(vm), [vm]);
  const one = useMemo(() => [machine], [machine]);
  const found = useObstacles(one, one)(deed, machine);
  const deeds = useDeeds(machine, polled.refresh);
  const why = found ? obstacleText(found, deed, machine.id) : deeds.busy && t("vms.whyBusy");
  return (
    <div className={styles.root}>
      <Card title={title}>
        <Sentences heading={t("vm.whenToUse")} sentences={when} />
        <Sentences heading={t("vm.whatHappens")} sentences={what} />
        <Sentences heading={t("vm.whatIsLost")} sentences={lossesFor(deed)} />
        <div>
          <GuardedButton
            {...restore}
            appearance="primary"
            icon={icon}
            why={why}
            onClick={() => setAsked(deed)}
          >
            {wordFor(deed)}
          </GuardedButton>
        </div>
        {why && !deeds.busy && <p className={styles.text}>{why}</p>}
        {deed === "redeploy" && found === "host" && (
          <div>
            <p className={styles.text}>{t("support.redeployHostAway")}</p>
            <CommandLine command={`oob vm redeploy ${machine.name} --confirm-host-is-dead --reason "..."`} />
          </div>
        )}
        <DeedOutcome deeds={deeds} onForce={() => setAsked("force")} />
      </Card>
      <DeedQuestion
        deed={asked}
        name={machine.name}
        onConfirm={(each, reason) => void deeds.begin(each, reason)}
        onClose={() => setAsked(undefined)}
      />
    </div>
  );
}

function Sentences({ heading, sentences }: { heading: string; sentences: readonly string[] }): ReactNode {
  const styles = useStyles();
  return (
    <div>
      <strong>{heading}</strong>
      <ul className={styles.list}>
        {sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </div>
  );
}
