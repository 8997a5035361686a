import { describe, expect, it } from "vitest";
import type { RoleAssignment } from "../../api/types";
import { byLevel, levelOf, OWNER, toGrant, warningsFor } from "./grants";

const VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1";
const READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

function assignment(name: string, scope: string, principalId: string, role = OWNER): RoleAssignment {
  return {
    id: `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`,
    name,
    type: "Microsoft.Authorization/roleAssignments",
    properties: {
      roleDefinitionId: `/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/${role.toUpperCase()}`,
      principalId,
      principalType: "User",
      scope,
      createdOn: "2026-01-02T03:04:05.000000Z",
      createdBy: "me",
    },
  };
}

const grants = [
  assignment("1", "/", "ann"),
  assignment("2", "/subscriptions/s/resourceGroups/G", "bob", READER),
  assignment("3", VM.toUpperCase(), "bob", READER),
].map((each) => toGrant(each, VM));

describe("levels", () => {
  it("tells where a role was given, as seen from the page's scope", () => {
    expect(levelOf("/subscriptions/S/", "/subscriptions/s")).toBe("here");
    expect(levelOf("/subscriptions/s", VM)).toBe("subscription");
    expect(byLevel(grants).map((group) => [group.level, group.grants.length])).toEqual([
      ["here", 1],
      ["group", 1],
      ["root", 1],
    ]);
  });
});

describe("warningsFor", () => {
  const at = (index: number): (typeof grants)[number] => grants[index] ?? expect.fail("no such grant");

  it("warns of taking one's own role and of the last Owner", () => {
    expect(warningsFor(at(0), grants, "ann")).toEqual({ self: true, lastOwner: true });
    expect(warningsFor(at(1), grants, "ann")).toEqual({ self: false, lastOwner: false });
  });

  it("is calm while somebody else is Owner", () => {
    const two = [...grants, toGrant(assignment("4", VM, "cleo"), VM)];
    expect(warningsFor(at(0), two, "bob")).toEqual({ self: false, lastOwner: false });
  });
});
