/** A virtual machine as a row shows it: what a person looks for, out of Resource Manager's envelope. */

import type { FindingSeverity, VirtualMachine } from "../../api/types";
import { isPortState, type PortState } from "../../console/portStates";
import { keyOf, placeOf } from "../shared/resourceId";
import type { Health } from "./health";
import { healthOf } from "./health";
import type { Power } from "./power";
import { powerOf } from "./power";
import { isSimulator } from "./simulator";

export interface Machine {
  id: string;
  /** The id in the form that compares. */
  key: string;
  name: string;
  subscription: string;
  group: string;
  /** Name of the host; empty when the VM names none. */
  host: string;
  /** Its id in the form that compares; empty when the VM names none. */
  hostKey: string;
  /** `qemu`, `unix` or `pty`. */
  driver: string;
  /** False when it is known to have none: there is a serial console only. */
  screen: boolean;
  power: Power;
  /** False when the host is not connected: power is then the last state known. */
  certain: boolean;
  /** ISO time of the last change of power. */
  since?: string;
  health: Health;
  /** What its serial port shows; absent while its host does not say. */
  shows?: PortState;
  /** It plays Windows' console, and is none. */
  simulator?: true;
  /** What is wrong by what it printed: the worst, and how many there are. */
  finding?: { severity: FindingSeverity; title: string; count: number };
  /** An instance that lacks the latest model of its scale set. */
  stale?: true;
}

export function toMachine(vm: VirtualMachine): Machine {
  const { subscription, group } = placeOf(vm.id);
  const view = vm.properties.instanceView;
  const found = (view?.outofband?.findings ?? []).filter((each) => each.severity !== "note");
  const worst = found[0];
  const since = view?.statuses?.find((status) => status.code.startsWith("PowerState/"))?.time;
  const shows = view?.outofband?.ports?.[0]?.shows ?? "";
  return {
    id: vm.id,
    key: keyOf(vm.id),
    name: vm.name,
    subscription,
    group,
    host: placeOf(vm.properties.host?.id ?? "").name,
    hostKey: keyOf(vm.properties.host?.id ?? ""),
    driver: vm.properties.outofband?.driver ?? "",
    screen: view?.outofband?.screen !== false,
    power: powerOf(vm),
    certain: view?.outofband?.hostConnected !== false,
    ...(since !== undefined && { since }),
    health: healthOf(vm),
    ...(isPortState(shows) && { shows }),
    ...(isSimulator(vm) && { simulator: true as const }),
    ...(worst && { finding: { severity: worst.severity, title: worst.title, count: found.length } }),
    ...(vm.properties.latestModelApplied === false && { stale: true as const }),
  };
}

/** The rows of a new answer; those that did not change are the old objects, and what they draw is left alone. */
export function reconcile(before: readonly Machine[], now: readonly Machine[]): readonly Machine[] {
  const known = new Map(before.map((machine) => [machine.key, machine]));
  const merged = now.map((machine) => {
    const old = known.get(machine.key);
    return old && same(old, machine) ? old : machine;
  });
  return merged.length === before.length && merged.every((each, index) => each === before[index])
    ? before
    : merged;
}

/** Of the same id. */
function same(one: Machine, other: Machine): boolean {
  return (
    one.power === other.power &&
    one.certain === other.certain &&
    one.since === other.since &&
    one.hostKey === other.hostKey &&
    one.driver === other.driver &&
    one.screen === other.screen &&
    one.stale === other.stale &&
    one.shows === other.shows &&
    one.simulator === other.simulator &&
    one.finding?.title === other.finding?.title &&
    one.finding?.count === other.finding?.count &&
    one.finding?.severity === other.finding?.severity &&
    one.health.condition === other.health.condition &&
    one.health.code === other.health.code &&
    one.health.detail === other.health.detail
  );
}

/** A machine others run: its host only watches a serial port, its power is not ours. */
export function isWatchedOnly(machine: Pick<Machine, "driver">): boolean {
  return machine.driver === "unix" || machine.driver === "uart";
}
