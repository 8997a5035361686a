import type { Messages } from "../catalogue";

export const scaleSets = {
  one: "Scale set",
  kind: "Scale set, updates: {mode}",
  intro: "Machines of one kind, as many as are asked for. Each has a serial console of its own.",
  search: "Search scale sets",
  none: "There is no scale set",
  noneHint: "Make one in a terminal:",
  name: "Name",
  instances: "Instances",
  updates: "Updates",
  empty: "It has no instances",
  emptyHint: "Raise its capacity in a terminal:",
  instanceOf: "Instance of the scale set {name}",
  goneList: "All instances of {name}",

  model: "Model",
  latest: "The latest",
  stale: "Not the latest model",
  staleHint:
    "The scale set was changed after this instance was made. It works as before; what was changed, boot diagnostics for instance, comes with an update.",
  upgrade: { one: "Update {count} instance", other: "Update {count} instances" },
  upgradeVerb: "Update",
  upgradeTitle: {
    one: "Bring {count} instance to the latest model?",
    other: "Bring {count} instances to the latest model?",
  },
  upgradeLoss1: "Where the size was changed the guest is restarted: what is not saved is lost.",
  upgradeLoss2: "Where the image was changed the disk is made anew: everything on it is lost.",
  noticeUpgrade: { one: "Update {name}", other: "Update {count} instances of {name}" },
} as const satisfies Messages;
