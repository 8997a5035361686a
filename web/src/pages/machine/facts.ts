/** What a connected machine says of itself, as names and values to show. What it has not said is left out. */

import type { ConnectedMachine, Disk, NetworkInterface } from "../../api/machines";
import { list, number, t } from "../../text";
import { osWord } from "../machines/server";
import type { Fact } from "../shared/Facts";

export interface Part {
  title: string;
  facts: readonly Fact[];
}

const GIB = 1024 ** 3;
/** Told elsewhere on the page, by words of their own. */
const TOLD: ReadonlySet<string> = new Set([
  "logicalCoreCount",
  "totalPhysicalMemoryInMegabytes",
  "totalPhysicalMemoryInGigabytes",
  "coreCount",
  "processorNames",
  "manufacturer",
  "model",
  "accelerator",
  "probe",
  "cloudprovider",
]);

/** Only parts with something in them. */
export function partsOf(machine: ConnectedMachine): Part[] {
  const parts: Part[] = [
    { title: t("machine.system"), facts: system(machine) },
    { title: t("machine.hardware"), facts: hardware(machine) },
    { title: t("machine.network"), facts: network(machine) },
    { title: t("machine.hypervisor"), facts: hypervisor(machine) },
    { title: t("machine.configuration"), facts: raw(machine.properties.agentConfiguration) },
    { title: t("machine.services"), facts: raw(services(machine)) },
    { title: t("machine.detected"), facts: raw(machine.properties.detectedProperties, TOLD) },
  ];
  return parts.filter((part) => part.facts.length > 0);
}

function system({ properties }: ConnectedMachine): Fact[] {
  return said([
    [t("machine.os"), osWord(properties)],
    [t("machine.osKind"), properties.osType],
    [t("machine.osSku"), properties.osSku],
    [t("machine.osEdition"), properties.osEdition],
    [t("machine.fqdn"), properties.machineFqdn, { copy: true }],
    [t("machine.dnsName"), properties.dnsFqdn === properties.machineFqdn ? "" : properties.dnsFqdn],
    [t("machine.domain"), properties.domainName],
  ]);
}

function hardware({ properties }: ConnectedMachine): Fact[] {
  const { hardwareProfile: hard, firmwareProfile: firm, storageProfile: store } = properties;
  const detected = properties.detectedProperties ?? {};
  const bytes = hard?.totalPhysicalMemoryInBytes ?? megabytes(detected["totalPhysicalMemoryInMegabytes"]);
  const processors = [...new Set(hard?.processors?.map((each) => each.name).filter(Boolean))];
  return said([
    [t("machine.maker"), text(detected["manufacturer"])],
    [t("machine.model"), text(detected["model"])],
    [t("machine.processor"), processors.join(", ") || text(detected["processorNames"])],
    [t("machine.cores"), text(detected["logicalCoreCount"] ?? detected["coreCount"])],
    [t("machine.memory"), bytes ? sizeWord(bytes) : ""],
    [t("machine.serial"), firm?.serialNumber, { copy: true }],
    [t("machine.firmware"), firm?.type],
    [t("machine.uuid"), properties.vmUuid, { copy: true, long: true }],
    ...(store?.disks ?? []).map(
      (disk): Said => [t("machine.disk", { name: diskName(disk) }), diskWord(disk)],
    ),
  ]);
}

function network({ properties }: ConnectedMachine): Fact[] {
  const cloud = properties.cloudMetadata?.provider ?? text(properties.detectedProperties?.["cloudprovider"]);
  // Azure's word for none.
  const provider = cloud === "N/A" ? "" : cloud;
  const place = properties.locationData;
  return said([
    ...(properties.networkProfile?.networkInterfaces ?? []).map(
      (each, index): Said => [
        t("machine.interface", { name: each.name ?? each.id ?? String(index) }),
        addresses(each),
        { long: true },
      ],
    ),
    [t("machine.cloud"), provider],
    [
      t("machine.site"),
      [place?.name, place?.city, place?.district, place?.countryOrRegion].filter(Boolean).join(", "),
    ],
  ]);
}

function hypervisor({ properties }: ConnectedMachine): Fact[] {
  const own = properties.outofband;
  if (!own) return [];
  const detected = properties.detectedProperties ?? {};
  return said([
    [t("machine.accelerator"), acceleratorWord(text(detected["accelerator"]))],
    [t("machine.probe"), text(detected["probe"]), { long: true }],
    [t("machine.drivers"), names(own.drivers)],
    [t("machine.images"), names(own.images)],
    [t("machine.programs"), names(own.programs)],
    [t("machine.sockets"), names(own.sockets)],
    [t("machine.uarts"), names(own.uarts)],
    [t("machine.policy"), own.monitor ? t("machines.monitorHint") : "", { long: true }],
  ]);
}

/** By the agent's own names where it says them; Azure's have `{status, startupType}` of each service. */
function services({ properties }: ConnectedMachine): Record<string, unknown> {
  const own = properties.outofband?.services;
  if (own && Object.keys(own).length > 0) return own;
  const found: Record<string, unknown> = {};
  for (const [name, state] of Object.entries(properties.serviceStatuses ?? {})) {
    const status =
      typeof state === "object" && state !== null ? (state as { status?: unknown }).status : state;
    found[name] = status ?? state;
  }
  return found;
}

/** Names and values as the API has them. */
function raw(values: Readonly<Record<string, unknown>> | undefined, without?: ReadonlySet<string>): Fact[] {
  return Object.entries(values ?? {})
    .filter(([name, value]) => !without?.has(name) && value !== undefined && value !== null)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => {
      const shown = text(value);
      return { name, value: shown || t("common.none"), ...(shown.length > 40 && { long: true }) };
    });
}

export function text(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return number(value);
    case "boolean":
      return t(value ? "machine.yes" : "machine.no");
    case "object":
      if (value === null) return "";
      if (!Array.isArray(value)) return JSON.stringify(value);
      return value.map((each) => (typeof each === "object" ? JSON.stringify(each) : String(each))).join(", ");
    default:
      return "";
  }
}

function megabytes(said: unknown): number {
  const found = Number(said);
  return Number.isFinite(found) ? found * 1024 ** 2 : 0;
}

function sizeWord(bytes: number): string {
  return t("machine.gib", { size: number(Math.round((bytes / GIB) * 10) / 10) });
}

function diskName(disk: Disk): string {
  return disk.name ?? disk.path ?? "";
}

function diskWord(disk: Disk): string {
  return [disk.maxSizeInBytes ? sizeWord(disk.maxSizeInBytes) : "", disk.diskType].filter(Boolean).join(", ");
}

function addresses(each: NetworkInterface): string {
  const found = (each.ipAddresses ?? []).map(({ address, subnet }) => {
    const prefix = subnet?.addressPrefix?.split("/").at(-1);
    return prefix ? `${address}/${prefix}` : (address ?? "");
  });
  return [...found, each.macAddress].filter(Boolean).join(", ");
}

function names(found: readonly string[] | undefined): string {
  return list(found ?? []);
}

export function acceleratorWord(accelerator: string): string {
  switch (accelerator) {
    case "kvm":
      return t("machine.accelKvm");
    case "tcg":
      return t("machine.accelTcg");
    default:
      return accelerator;
  }
}

type Said = [name: string, value: string | undefined, how?: { copy?: boolean; long?: boolean }];

function said(facts: readonly Said[]): Fact[] {
  return facts.flatMap(([name, value, how]): Fact[] =>
    value ? [{ name, value, ...(how?.copy && { copy: value }), ...(how?.long && { long: true }) }] : [],
  );
}
