import type { ReactNode } from "react";
import { Link as RouterLink } from "react-router";
import type { VirtualMachine } from "../../api/types";
import { When } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { Facts } from "../shared/Facts";
import { machinePath, placeOf, setOf, setPath } from "../shared/resourceId";
import { useTableStyles } from "../shared/tableStyles";
import { HealthLabel, PortLabel, PowerLabel } from "../vms/Labels";
import type { Machine } from "../vms/machine";
import { Provisioning } from "./Provisioning";

interface Props {
  vm: VirtualMachine;
  machine: Machine;
  /** Name of its subscription; its id until that is known. */
  subscription: string;
}

/** What the machine is, where it is and how it is. */
export function Essentials({ vm, machine, subscription }: Props): ReactNode {
  const styles = useTableStyles();
  const { properties } = vm;
  const guest = properties.outofband;
  const set = setOf(placeOf(vm.id));
  const view = properties.instanceView?.outofband;
  const listed = (facet: string, value: string): string => `/vms?${new URLSearchParams({ [facet]: value })}`;
  return (
    <Card title={t("vm.essentials")}>
      <Facts
        facts={[
          {
            name: t("vm.power"),
            value: <PowerLabel machine={machine} />,
          },
          {
            name: t("vm.changed"),
            value: machine.since ? <When at={machine.since} relative /> : t("vm.notSaid"),
          },
          { name: t("vm.health"), value: <HealthLabel health={machine.health} /> },
          {
            name: t("vms.columnConsole"),
            value: machine.shows ? <PortLabel machine={machine} /> : t("vm.notSaid"),
          },
          {
            name: t("vm.host"),
            value: properties.host ? (
              <RouterLink className={styles.link} to={machinePath(placeOf(properties.host.id))}>
                {machine.host}
              </RouterLink>
            ) : (
              t("vm.notSaid")
            ),
          },
          {
            name: t("vm.group"),
            value: (
              <RouterLink className={styles.link} to={listed("group", machine.group)}>
                {machine.group}
              </RouterLink>
            ),
          },
          ...(set
            ? [
                {
                  name: t("scaleSets.one"),
                  value: (
                    <RouterLink className={styles.link} to={setPath(set)}>
                      {set.name}
                    </RouterLink>
                  ),
                },
                {
                  name: t("scaleSets.model"),
                  value: t(machine.stale ? "scaleSets.stale" : "scaleSets.latest"),
                },
              ]
            : []),
          {
            name: t("vm.subscription"),
            value: (
              <RouterLink className={styles.link} to={`/subscription?id=${machine.subscription}`}>
                {subscription}
              </RouterLink>
            ),
            copy: machine.subscription,
          },
          { name: t("vm.provisioning"), value: <Provisioning state={properties.provisioningState ?? ""} /> },
          { name: t("vm.driver"), value: driverOf(vm) },
          {
            name: t("vm.memory"),
            value: guest ? t("vm.memoryMiB", { size: guest.memoryMiB }) : t("vm.notSaid"),
          },
          { name: t("vm.cpus"), value: guest ? String(guest.cpus) : t("vm.notSaid") },
          { name: t("vm.accelerator"), value: view?.accelerator ?? t("vm.notSaid") },
          {
            name: t("vm.created"),
            value: properties.timeCreated ? <When at={properties.timeCreated} /> : t("vm.notSaid"),
          },
          { name: t("vm.vmId"), value: properties.vmId, copy: properties.vmId, long: true },
        ]}
      />
    </Card>
  );
}

function driverOf(vm: VirtualMachine): string {
  const guest = vm.properties.outofband;
  if (!guest) return t("vm.notSaid");
  switch (guest.driver) {
    case "qemu":
      return t("vm.driverQemu", { name: guest.image ?? "" });
    case "unix":
      return t("vm.driverUnix", { name: guest.socket ?? "" });
    case "pty":
      return t("vm.driverPty", { name: guest.program ?? "" });
    default:
      return guest.driver;
  }
}
