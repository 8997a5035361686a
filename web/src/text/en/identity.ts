import type { Messages } from "../catalogue";

export const identity = {
  noRight: "You have no right on the identity pages",
  noRightHint:
    "They take a role that contains {action} on the whole control plane, for instance Reader; to change something there, Owner. Ask an Owner to give it to you, then look again.",
  whyRight: "You have no role that contains {action} on the whole control plane. Ask an Owner.",

  roles: "Roles",
  noRoles: "No role anywhere: nothing can be seen or done.",
  from: "Comes from",
  given: "given directly",
  byGroup: "by the group {name}",
  whyGroup: "It comes from a group: take it from the group, or them out of it.",
  roleRemoved: "{role} of {name} was removed.",
  groups: "Groups",
  noGroups: "In no group.",
} as const satisfies Messages;
