import { describe, expect, it } from "vitest";
import {
  allowing,
  deciding,
  type EffectiveGroup,
  type EffectiveRule,
  holds,
  missing,
  plainName,
} from "./rules";

const FROM = "203.0.113.10";

const rule = (name: string, priority: number, more: Partial<EffectiveRule> = {}): EffectiveRule => ({
  name: `securityRules/${name}`,
  protocol: "Tcp",
  sourceAddressPrefixes: ["0.0.0.0/0"],
  expandedSourceAddressPrefix: [],
  destinationPortRanges: ["3389-3389"],
  access: "Allow",
  priority,
  direction: "Inbound",
  ...more,
});

const DENY_ALL = rule("DenyAllInBound", 65500, {
  name: "defaultSecurityRules/DenyAllInBound",
  protocol: "All",
  access: "Deny",
  destinationPortRanges: ["0-65535"],
});
const FROM_NETWORK = rule("AllowVnetInBound", 65000, {
  name: "defaultSecurityRules/AllowVnetInBound",
  protocol: "All",
  destinationPortRanges: ["0-65535"],
  sourceAddressPrefixes: ["VirtualNetwork"],
  expandedSourceAddressPrefix: ["10.0.0.0/16"],
});

const group = (name: string, ...rules: EffectiveRule[]): EffectiveGroup => ({
  networkSecurityGroup: { id: `/g/${name}` },
  association: {},
  // In no order: priorities are the order.
  effectiveSecurityRules: [DENY_ALL, ...rules, FROM_NETWORK],
});

describe("deciding", () => {
  it("is the first rule by priority that is about it", () => {
    const found = group(
      "web",
      rule("late", 400),
      rule("udp", 100, { protocol: "Udp" }),
      rule("out", 110, { direction: "Outbound" }),
      rule("elsewhere", 120, { sourceAddressPrefixes: ["198.51.100.0/24"] }),
      rule("other", 130, { destinationPortRanges: ["22-22", "80-90"] }),
      rule("early", 300, { access: "Deny", destinationPortRanges: ["3000-4000"] }),
    );
    expect(plainName(deciding(found, 3389, FROM)?.name ?? "")).toBe("early");
    expect(plainName(deciding(found, 85, FROM)?.name ?? "")).toBe("other");
    expect(plainName(deciding(found, 3389, "198.51.100.9")?.name ?? "")).toBe("elsewhere");
    expect(plainName(deciding(found, 8080, "10.0.3.4")?.name ?? "")).toBe("AllowVnetInBound");
    expect(plainName(deciding(found, 8080, FROM)?.name ?? "")).toBe("DenyAllInBound");
  });
});

describe("missing", () => {
  it("is nothing where every group allows", () => {
    expect(missing([group("a", rule("rdp", 300)), group("b", rule("rdp", 300))], 3389, FROM)).toEqual([]);
    expect(missing([], 3389, FROM)).toEqual([]);
  });

  it("is a rule in each group that keeps it out", () => {
    const groups = [group("subnet"), group("card", rule("rdp", 300)), group("other")];
    expect(missing(groups, 3389, FROM).map((each) => each.group)).toEqual(["/g/subnet", "/g/other"]);
  });

  it("tells of an Allow that comes too late", () => {
    const groups = [group("web", rule("no", 200, { access: "Deny" }), rule("rdp", 300))];
    const [found] = missing(groups, 3389, FROM);
    expect([plainName(found?.by.name ?? ""), plainName(found?.shadowed?.name ?? "")]).toEqual(["no", "rdp"]);
  });
});

describe("allowing", () => {
  const plan = (one: EffectiveGroup) => {
    const [found] = missing([one], 3389, FROM);
    if (!found) throw new Error("nothing is missing");
    return allowing(found, [one], 3389, "rdp");
  };

  it("is Azure's own rule where that is free", () => {
    expect(plan(group("web"))).toEqual({
      name: "default-allow-rdp",
      properties: {
        protocol: "Tcp",
        sourcePortRange: "*",
        destinationPortRange: "3389",
        sourceAddressPrefix: "*",
        destinationAddressPrefix: "*",
        access: "Allow",
        priority: 1000,
        direction: "Inbound",
      },
    });
  });

  it("comes before the rule that denies, with a name and a priority of its own", () => {
    const found = plan(
      group(
        "web",
        rule("no", 200, { access: "Deny" }),
        rule("default-allow-rdp", 300),
        rule("x", 199, { protocol: "Udp" }),
      ),
    );
    expect([found?.name, found?.properties.priority]).toEqual(["default-allow-rdp-2", 198]);
  });

  it("lets the outbound rules of the group have their priorities", () => {
    const found = plan(group("web", rule("out", 1000, { direction: "Outbound" })));
    expect(found?.properties.priority).toBe(1000);
  });

  it("is none where no priority is left before the rule that denies", () => {
    expect(plan(group("web", rule("no", 100, { access: "Deny" })))).toBeUndefined();
  });
});

describe("holds", () => {
  it.each([
    ["10.0.0.0/8", "10.200.1.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["0.0.0.0/0", FROM, true],
    ["203.0.113.10", FROM, true],
    ["203.0.113.8/29", FROM, true],
    ["2001:db8::/32", FROM, false],
    ["Internet", FROM, false],
  ])("%s %s: %s", (block, address, expected) => {
    expect(holds(block, address)).toBe(expected);
  });
});
