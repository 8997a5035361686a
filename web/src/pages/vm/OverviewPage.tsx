import { makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useMemo } from "react";
import { useNavigate } from "react-router";
import type { VirtualMachine } from "../../api/types";
import { useCommands } from "../../frame/commands";
import { t } from "../../text";
import { StaleNote } from "../scaleSets/StaleNote";
import { vmPath } from "../shared/resourceId";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";
import { useSubscriptions } from "../shared/useSubscriptions";
import { toMachine } from "../vms/machine";
import { useObstacles } from "../vms/useObstacles";
import { Attached } from "./Attached";
import { CommandBar } from "./CommandBar";
import { Essentials } from "./Essentials";
import { FoundNote } from "./FoundNote";
import { Seen } from "./Seen";
import { Trouble } from "./Trouble";
import { useDeeds } from "./useDeeds";
import { VmGate } from "./VmGate";
import { VmHeader } from "./VmHeader";
import { useVm } from "./vmContext";

const LINES = 14;

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalL },
});

export default function OverviewPage(): ReactNode {
  return (
    <>
      <VmHeader />
      <VmGate>{(vm) => <Overview vm={vm} />}</VmGate>
    </>
  );
}

function Overview({ vm }: { vm: VirtualMachine }): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  const { place, polled } = useVm();
  const machine = useMemo(() => toMachine(vm), [vm]);
  const one = useMemo(() => [machine], [machine]);
  const obstacle = useObstacles(one, one);
  const may = useRights([vm.id]);
  const deeds = useDeeds(machine, polled.refresh);
  const subscriptions = useSubscriptions().data;
  const subscription = subscriptions?.find((each) => each.subscriptionId === machine.subscription);
  const noLook = may(vm.id, "diagnostics") ? undefined : t("vms.whyRight", { action: RIGHTS.diagnostics });

  useCommands(
    useMemo(() => {
      const { name } = place;
      const open = (page: string) => () => void navigate(vmPath(place, page));
      return [
        { id: "vm.console", title: t("vm.commandConsole", { name }), run: open("console") },
        { id: "vm.activity", title: t("vm.commandActivity", { name }), run: open("activity") },
        { id: "vm.access", title: t("vm.commandAccess", { name }), run: open("access") },
      ];
    }, [navigate, place]),
  );

  return (
    <div className={styles.root}>
      <CommandBar machine={machine} deeds={deeds} obstacle={obstacle} />
      <Trouble health={machine.health} />
      <FoundNote place={place} findings={vm.properties.instanceView?.outofband?.findings ?? []} />
      {machine.stale && <StaleNote place={place} onEnd={() => void polled.refresh()} />}
      <Essentials
        vm={vm}
        machine={machine}
        subscription={subscription?.displayName ?? machine.subscription}
      />
      <Seen machine={machine} why={noLook} lines={LINES} />
      <Attached
        vm={vm.id}
        port={machine.certain ? vm.properties.instanceView?.outofband?.ports[0] : undefined}
      />
    </div>
  );
}
