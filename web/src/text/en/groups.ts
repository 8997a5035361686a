import type { Messages } from "../catalogue";

export const groups = {
  subtitle: "What a group may do, all of its members may do, through groups in groups too.",
  add: "Add a group",
  addButton: "Add",
  save: "Save",
  search: "Search by name or description",
  none: "There are no groups yet",
  noneHint: "A group is given a role once; from then on it is enough to put people into it.",
  name: "Name",
  description: "Description",
  kind: "Kind",
  needed: "A name is needed.",
  about: "Group",
  change: "Rename",
  changeTitle: "Change {name}",
  remove: "Delete",
  removeTitle: "Delete {name}?",
  removeLossMembers:
    "Its members lose the roles that they have by it, from their next request on; they stay themselves.",
  removeLoss: {
    one: "Its {count} member loses the roles that it has by the group, from the next request on; the account stays.",
    other:
      "Its {count} members lose the roles that they have by it, from their next request on; they stay themselves.",
  },
  removeLossEver: "Its own roles are removed. This cannot be undone.",

  members: "Members",
  noMembers: "Nobody is in it yet.",
  addMember: "Add a member",
  addMemberTitle: "Add a member to {group}",
  addMemberHint: "A group can be in a group, eight deep at most.",
  removeMember: "Remove {name} from {group}",
  memberRemoved: "{name} is no longer in {group}.",

  noticeAdd: "Add group {name}",
  noticeChange: "Change group {name}",
  noticeRemove: "Delete group {name}",
  noticeAddMember: "Add {name} to {group}",
  noticeRemoveMember: "Remove {name} from {group}",
} as const satisfies Messages;
