/** Effective security rules: which one decides about a connection, and which one is missing. Pure. */

export interface EffectiveRule {
  /** `securityRules/NAME` or `defaultSecurityRules/NAME`. */
  name: string;
  protocol: string;
  sourcePortRanges?: string[];
  destinationPortRanges?: string[];
  sourceAddressPrefixes?: string[];
  expandedSourceAddressPrefix?: string[];
  destinationAddressPrefixes?: string[];
  access: "Allow" | "Deny";
  priority: number;
  direction: "Inbound" | "Outbound";
}

export interface EffectiveGroup {
  networkSecurityGroup: { id: string };
  association: { subnet?: { id: string }; networkInterface?: { id: string } };
  effectiveSecurityRules: EffectiveRule[];
}

export interface FlowAnswer {
  access: "Allow" | "Deny";
  ruleName: string;
}

export interface SecurityRule {
  name: string;
  properties: {
    protocol: string;
    sourcePortRange: string;
    destinationPortRange: string;
    sourceAddressPrefix: string;
    destinationAddressPrefix: string;
    access: string;
    priority: number;
    direction: string;
    description?: string;
  };
}

/** Where a rule would have to be added, and what would have to come after it. */
export interface Missing {
  /** Id of the security group. */
  group: string;
  /** The rule that denies. */
  by: EffectiveRule;
  /** There is an Allow for the port, but it is tried too late. */
  shadowed?: EffectiveRule;
}

const FIRST = 100;
const LAST = 4096;
/** Azure's own for this rule. */
const USUAL_PRIORITY = 1000;
const ANYWHERE = new Set(["*", "0.0.0.0/0"]);

/** The name as the group has it. */
export function plainName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** Whether a rule is about TCP that comes to this port from this address. */
export function fits(rule: EffectiveRule, port: number, from: string): boolean {
  return (
    rule.direction === "Inbound" &&
    ["tcp", "all", "*"].includes(rule.protocol.toLowerCase()) &&
    holdsPort(rule.destinationPortRanges ?? [], port) &&
    holdsAddress(rule, from)
  );
}

/** The rule of a group that decides; undefined when no rule of it is about this. */
export function deciding(group: EffectiveGroup, port: number, from: string): EffectiveRule | undefined {
  return inOrder(group.effectiveSecurityRules).find((rule) => fits(rule, port, from));
}

/** The groups that keep a connection out, each with what to add; each has to allow it. */
export function missing(groups: readonly EffectiveGroup[], port: number, from: string): Missing[] {
  return groups.flatMap((group) => {
    const by = deciding(group, port, from);
    if (by?.access !== "Deny") return [];
    const shadowed = inOrder(group.effectiveSecurityRules).find(
      (rule) => rule.access === "Allow" && !isDefault(rule) && fits(rule, port, from),
    );
    return [{ group: group.networkSecurityGroup.id, by, ...(shadowed && { shadowed }) }];
  });
}

/**
 * The rule that lets a port in, before the one that denies. Undefined when no priority before that is free: then somebody
 * has to make room.
 */
export function allowing(
  found: Missing,
  groups: readonly EffectiveGroup[],
  port: number,
  word: "rdp" | "ssh",
): SecurityRule | undefined {
  const own = groups
    .filter((group) => group.networkSecurityGroup.id.toLowerCase() === found.group.toLowerCase())
    .flatMap((group) => group.effectiveSecurityRules);
  const inbound = own.filter((rule) => rule.direction === "Inbound");
  const taken = new Set(inbound.map((rule) => rule.priority));
  const priority = freePriority(taken, isDefault(found.by) ? LAST + 1 : found.by.priority);
  if (priority === undefined) return undefined;
  const names = new Set(own.map((rule) => plainName(rule.name).toLowerCase()));
  return {
    name: freeName(`default-allow-${word}`, names),
    properties: {
      protocol: "Tcp",
      sourcePortRange: "*",
      destinationPortRange: String(port),
      sourceAddressPrefix: "*",
      destinationAddressPrefix: "*",
      access: "Allow",
      priority,
      direction: "Inbound",
    },
  };
}

export function isDefault(rule: Pick<EffectiveRule, "name">): boolean {
  return rule.name.startsWith("defaultSecurityRules/");
}

export function inOrder(rules: readonly EffectiveRule[]): EffectiveRule[] {
  return [...rules].sort((one, other) => one.priority - other.priority);
}

/** Azure's own where that is free and early enough, else the next one below, then above. */
function freePriority(taken: ReadonlySet<number>, before: number): number | undefined {
  const start = Math.min(USUAL_PRIORITY, before - 1);
  for (let each = start; each >= FIRST; each--) if (!taken.has(each)) return each;
  for (let each = start + 1; each < before; each++) if (!taken.has(each)) return each;
  return undefined;
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let number = 2; taken.has(name); number++) name = `${wanted}-${number}`;
  return name;
}

function holdsPort(ranges: readonly string[], port: number): boolean {
  return ranges.some((text) => {
    if (text === "*") return true;
    const [first = "", last = first] = text.split("-");
    return Number(first) <= port && port <= Number(last);
  });
}

function holdsAddress(rule: EffectiveRule, from: string): boolean {
  const expanded = rule.expandedSourceAddressPrefix ?? [];
  // A tag stands for what it is expanded to, and for nothing where that is empty.
  const blocks = [...(rule.sourceAddressPrefixes ?? []), ...expanded];
  return blocks.some((block) => ANYWHERE.has(block) || holds(block, from));
}

/** Whether an IPv4 block holds an address; of IPv6 only what is written the same. */
export function holds(block: string, address: string): boolean {
  if (block === address) return true;
  const [base = "", bits = "32"] = block.split("/");
  const [one, other] = [numberOf(base), numberOf(address)];
  if (one === undefined || other === undefined) return false;
  const shift = 2 ** (32 - Number(bits));
  return Math.floor(one / shift) === Math.floor(other / shift);
}

/** An IPv4 address as a number. */
export function numberOf(address: string): number | undefined {
  const parts = address.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}
