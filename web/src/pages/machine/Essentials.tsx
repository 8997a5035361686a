import type { ReactNode } from "react";
import { Link } from "react-router";
import type { ConnectedMachine } from "../../api/machines";
import { StatusBadge, When } from "../../components";
import { t } from "../../text";
import { Heartbeat } from "../machines/ServerRow";
import { StateLabel } from "../machines/StateLabel";
import { endingOf, type Server } from "../machines/server";
import { Card } from "../shared/Card";
import { Facts } from "../shared/Facts";
import { useTableStyles } from "../shared/tableStyles";
import { Provisioning } from "../vm/Provisioning";

interface Props {
  machine: ConnectedMachine;
  server: Server;
  /** Name of its subscription; its id until that is known. */
  subscription: string;
}

/** Who the machine is, where it is and how it is. */
export function Essentials({ machine, server, subscription }: Props): ReactNode {
  const table = useTableStyles();
  const { properties, identity } = machine;
  return (
    <Card title={t("vm.essentials")}>
      <Facts
        facts={[
          { name: t("machines.columnState"), value: <StateLabel server={server} /> },
          {
            name: t("machine.since"),
            value: server.since ? <When at={server.since} relative /> : t("machines.notSaid"),
          },
          { name: t("machines.columnHeartbeat"), value: <Heartbeat server={server} /> },
          { name: t("machine.agentVersion"), value: server.agent || t("machines.notSaid") },
          { name: t("machine.certificateEnd"), value: <CertificateEnd expires={server.expires} /> },
          {
            name: t("machines.columnGroup"),
            value: (
              <Link className={table.link} to={`/machines?${new URLSearchParams({ group: server.group })}`}>
                {server.group}
              </Link>
            ),
          },
          { name: t("machines.columnLocation"), value: server.location || t("machines.notSaid") },
          {
            name: t("vm.subscription"),
            value: (
              <Link className={table.link} to={`/subscription?id=${server.subscription}`}>
                {subscription}
              </Link>
            ),
            copy: server.subscription,
          },
          ...(properties.outofband?.console
            ? [{ name: t("frame.serialConsole"), value: consoleWord(properties.outofband.console) }]
            : []),
          { name: t("vm.provisioning"), value: <Provisioning state={properties.provisioningState ?? ""} /> },
          ...(identity?.principalId
            ? [
                {
                  name: t("machine.objectId"),
                  value: identity.principalId,
                  copy: identity.principalId,
                  long: true,
                },
              ]
            : []),
          ...(properties.vmId && properties.vmId !== identity?.principalId
            ? [{ name: t("machine.agentId"), value: properties.vmId, copy: properties.vmId, long: true }]
            : []),
          { name: t("machine.resourceId"), value: machine.id, copy: machine.id, long: true },
        ]}
      />
    </Card>
  );
}

function consoleWord(kind: string): string {
  switch (kind) {
    case "shell":
      return t("machine.consoleShell");
    case "uart":
      return t("machine.consoleUart");
    default:
      return kind;
  }
}

function CertificateEnd({ expires }: { expires: string }): ReactNode {
  switch (endingOf(expires)) {
    case "none":
      return t("machines.notSaid");
    case "far":
      return <When at={expires} />;
    case "near":
      return (
        <StatusBadge tone="warning">
          <When at={expires} relative />
        </StatusBadge>
      );
    case "over":
      return (
        <StatusBadge tone="bad">
          <When at={expires} relative />
        </StatusBadge>
      );
  }
}
