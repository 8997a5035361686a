import type { ReactNode } from "react";
import { StatusBadge, type Tone } from "../../components";
import type { PortState } from "../../console/portStates";
import { full, localTimes, t } from "../../text";
import type { Condition, Health } from "./health";
import type { Machine } from "./machine";
import type { Power } from "./power";

const POWER_TONES: Readonly<Record<Power, Tone>> = {
  running: "good",
  starting: "busy",
  stopping: "busy",
  stopped: "off",
  deallocated: "off",
  unknown: "unknown",
};

const CONDITION_TONES: Readonly<Record<Condition, Tone>> = {
  failed: "bad",
  fault: "bad",
  alarm: "warning",
  unreachable: "warning",
  unknown: "unknown",
  changing: "busy",
  off: "off",
  well: "good",
};

export function powerWord(power: Power): string {
  switch (power) {
    case "running":
      return t("vms.powerRunning");
    case "starting":
      return t("vms.powerStarting");
    case "stopping":
      return t("vms.powerStopping");
    case "stopped":
      return t("vms.powerStopped");
    case "deallocated":
      return t("vms.powerDeallocated");
    case "unknown":
      return t("vms.powerUnknown");
  }
}

export function conditionWord(condition: Condition): string {
  switch (condition) {
    case "failed":
      return t("vms.healthFailed");
    case "fault":
      return t("vms.healthFault");
    case "alarm":
      return t("vms.healthAlarm");
    case "unreachable":
      return t("vms.healthUnreachable");
    case "unknown":
      return t("vms.healthUnknown");
    case "changing":
      return t("vms.healthChanging");
    case "off":
      return t("vms.healthOff");
    case "well":
      return t("vms.healthWell");
  }
}

/** A machine's power in a word; where its host is away, that it is only the last word known. */
export function PowerLabel({
  machine,
}: {
  machine: Pick<Machine, "power" | "certain" | "since">;
}): ReactNode {
  const { power, certain, since } = machine;
  const word = powerWord(power);
  if (!certain) {
    return (
      <StatusBadge tone="unknown" title={t("vms.lastKnownHint")}>
        {power === "unknown" ? word : t("vms.lastKnown", { power: word })}
      </StatusBadge>
    );
  }
  return (
    <StatusBadge tone={POWER_TONES[power]} title={since && t("vms.since", { when: full(since) })}>
      {word}
    </StatusBadge>
  );
}

const PORT_TONES: Readonly<Record<PortState, Tone>> = {
  sac: "good",
  sacFailed: "bad",
  healthReport: "warning",
  bootManager: "warning",
  kernelDebugger: "warning",
  login: "good",
  shell: "good",
  grub: "warning",
  firmware: "warning",
  silent: "off",
  unknown: "unknown",
};

/** Who would read a key at a machine's serial port. */
export function PortLabel({ machine }: { machine: Pick<Machine, "shows" | "certain"> }): ReactNode {
  const { shows, certain } = machine;
  if (shows === undefined) return null;
  const word = t(`console.shows_${shows}`);
  if (!certain) {
    return (
      <StatusBadge tone="unknown" title={t("vms.lastKnownHint")}>
        {t("vms.lastKnown", { power: word })}
      </StatusBadge>
    );
  }
  return (
    <StatusBadge tone={PORT_TONES[shows]} title={t("vms.portHint")}>
      {word}
    </StatusBadge>
  );
}

export function HealthLabel({ health }: { health: Health }): ReactNode {
  return (
    <StatusBadge
      tone={CONDITION_TONES[health.condition]}
      title={health.detail ? localTimes(health.detail) : hintOf(health.condition)}
    >
      {conditionWord(health.condition)}
    </StatusBadge>
  );
}

/** What a condition means where the server has no sentence of its own about it. */
export function hintOf(condition: Condition): string | undefined {
  if (condition === "alarm") return t("vms.healthAlarmHint");
  return condition === "unknown" ? t("vms.healthUnknownHint") : undefined;
}
