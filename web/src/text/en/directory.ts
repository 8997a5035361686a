import type { Messages } from "../catalogue";

export const directory = {
  subtitle: "Users, groups, members, clients and their certificates as one JSON document.",
  out: "Export",
  outText: "The file has no password and no secret. Roles and second factors are not in it.",
  download: "Download",
  outHashes:
    "To move passwords and secrets along, their hashes are needed; whoever has that file can try to guess them. It takes the command line:",

  in: "Import",
  inText:
    "Makes what is missing, changes what differs, removes nothing. The file is tried first: you see what would change before it does.",
  file: "Document",
  trying: "Trying it",
  changes: "Changes",
  what: "Change",
  create: "made",
  update: "changed",
  addMember: "member added",
  addOwner: "owner added",
  addSecret: "secret added",
  addCertificate: "certificate added",
  nothing: "{name} changes nothing: everything in it is here already.",
  would: {
    one: "{name} would make {count} change. Nothing is done yet.",
    other: "{name} would make {count} changes. Nothing is done yet.",
  },
  done: { one: "{name} is imported: {count} change.", other: "{name} is imported: {count} changes." },
  bring: "Import it",
  bringTitle: "Import {name}?",
  bringLoss1: {
    one: "{count} change is made, as a whole or not at all.",
    other: "{count} changes are made, as a whole or not at all.",
  },
  bringLoss2: "It is not undone by another import: what it makes is deleted by hand.",
  notTitle: "This is no document of a directory",
  notMessage: "The file is not JSON.",
  notCause: "It may be YAML, cut off, or a file of something else.",
  notRemedy: "Choose a file that was downloaded here, or that `oob identity export` wrote.",
  noticeExport: "Export the directory",
  noticeImport: "Import a directory document",
} as const satisfies Messages;
