import { makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useMemo } from "react";
import { useNavigate } from "react-router";
import type { ConnectedMachine } from "../../api/machines";
import { useCommands } from "../../frame/commands";
import { t } from "../../text";
import { toServer } from "../machines/server";
import { Card } from "../shared/Card";
import { Facts } from "../shared/Facts";
import { machinePath } from "../shared/resourceId";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";
import { useSubscriptions } from "../shared/useSubscriptions";
import { CommandBar } from "./CommandBar";
import { hasConsole } from "./console";
import { Essentials } from "./Essentials";
import { partsOf } from "./facts";
import { HostedVms } from "./HostedVms";
import { MachineGate } from "./MachineGate";
import { MachineHeader } from "./MachineHeader";
import { useMachine } from "./machineContext";
import { TagsCard } from "./TagsCard";
import { Trouble } from "./Trouble";

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalL },
});

export default function OverviewPage(): ReactNode {
  return (
    <>
      <MachineHeader />
      <MachineGate>{(machine) => <Overview machine={machine} />}</MachineGate>
    </>
  );
}

function Overview({ machine }: { machine: ConnectedMachine }): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  const { place, polled } = useMachine();
  const server = useMemo(() => toServer(machine), [machine]);
  const may = useRights([machine.id]);
  const subscriptions = useSubscriptions().data;
  const subscription = subscriptions?.find((each) => each.subscriptionId === server.subscription);
  const whyNot = (right: "writeMachine" | "deleteMachine"): string | undefined =>
    may(machine.id, right) ? undefined : t("machine.whyRight", { action: RIGHTS[right] });

  useCommands(
    useMemo(() => {
      const { name } = place;
      const open = (page: string) => () => void navigate(machinePath(place, page));
      return [
        { id: "machine.activity", title: t("vm.commandActivity", { name }), run: open("activity") },
        { id: "machine.access", title: t("vm.commandAccess", { name }), run: open("access") },
      ];
    }, [navigate, place]),
  );

  return (
    <div className={styles.root}>
      <CommandBar server={server} console={hasConsole(machine)} why={whyNot("deleteMachine")} />
      <Trouble server={server} errors={machine.properties.errorDetails ?? []} />
      <Essentials
        machine={machine}
        server={server}
        subscription={subscription?.displayName ?? server.subscription}
      />
      <HostedVms server={server} />
      <TagsCard machine={machine} why={whyNot("writeMachine")} onChanged={polled.refresh} />
      {partsOf(machine).map(({ title, facts }) => (
        <Card key={title} title={title}>
          <Facts facts={facts} />
        </Card>
      ))}
    </div>
  );
}
