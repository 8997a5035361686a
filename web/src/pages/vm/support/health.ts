/** Resource health of a VM: whether it can be used, since when and through whom. */

import type { Resource } from "../../../api/types";
import type { Tone } from "../../../components";
import { t } from "../../../text";

export const AVAILABILITIES = ["Available", "Degraded", "Unavailable", "Unknown"] as const;
export type Availability = (typeof AVAILABILITIES)[number];

export type HealthStatus = Resource<{
  availabilityState: string;
  title: string;
  summary: string;
  /** A state of power, or a code of the catalogue. */
  detailedStatus?: string;
  reasonType?: string;
  reasonChronicity?: string;
  /** Spelled so by Azure. */
  occuredTime?: string;
  reportedTime?: string;
  recommendedActions?: { action: string }[];
}>;

const TONES: Readonly<Record<Availability, Tone>> = {
  Available: "good",
  Degraded: "warning",
  Unavailable: "bad",
  Unknown: "unknown",
};

export function availabilityOf(status: HealthStatus): Availability {
  const said = status.properties.availabilityState;
  return AVAILABILITIES.find((each) => each === said) ?? "Unknown";
}

export function toneOf(availability: Availability): Tone {
  return TONES[availability];
}

export function availabilityWord(availability: Availability): string {
  switch (availability) {
    case "Available":
      return t("support.available");
    case "Degraded":
      return t("support.degraded");
    case "Unavailable":
      return t("support.unavailable");
    case "Unknown":
      return t("support.unknown");
  }
}

const BY_CUSTOMER = new Set(["Customer Initiated", "UserInitiated"]);
/** What these mean is said here; whatever else it is comes with the control plane's own sentences. */
const USUAL = new Set([
  "running",
  "stopped",
  "starting",
  "stopping",
  "HostDisconnected",
  "HostUnknown",
  "NotReported",
]);

/** Whose doing it is. */
export function reasonWord(reason: string | undefined): string {
  switch (reason) {
    case "Unplanned":
      return t("support.reasonUnplanned");
    case "Planned":
      return t("support.reasonPlanned");
    case "Customer Initiated":
    case "UserInitiated":
      return t("support.reasonCustomer");
    default:
      return t("support.reasonNone");
  }
}

/** What to do, where that is not part of what it means. */
export function actionsOf({ properties }: HealthStatus): string[] {
  if (USUAL.has(properties.detailedStatus ?? "")) return [];
  return (properties.recommendedActions ?? []).map((each) => each.action);
}

/** What it means, in the reader's language where it is one of the usual states. */
export function meaning({ properties }: HealthStatus): string {
  const byCustomer = BY_CUSTOMER.has(properties.reasonType ?? "");
  switch (properties.detailedStatus) {
    case "running":
      return t("support.meansRunning");
    case "stopped":
      return byCustomer ? t("support.meansTurnedOff") : t("support.meansShutDown");
    case "starting":
    case "stopping":
      return t("support.meansChanging");
    case "HostDisconnected":
      return t("support.meansHostAway");
    case "HostUnknown":
      return t("support.meansHostGone");
    case "NotReported":
      return t("support.meansNotReported");
    default:
      return properties.summary;
  }
}
