import type { Messages } from "../catalogue";

export const users = {
  title: "Users",
  subtitle:
    "Who can sign in here. What somebody may do is given under Access of a machine, or of what it is in.",
  add: "Add a user",
  addButton: "Add",
  addText: "A password is made and shown once. It has to be changed at the first sign-in.",
  whyNotMore:
    "Where they are signed in, and their second factors, are shown to whoever has a role that contains {action} on the whole control plane.",
  search: "Search by name",
  none: "There are no users",
  about: "Account",
  objectId: "Object id",
  userName: "User name",
  displayName: "Display name",
  completed: "{name}@{domain}",
  needed: "A user name is needed.",
  state: "State",
  enabled: "Enabled",
  disabled: "Disabled",
  since: "Since",
  actions: "Actions",
  actionsOf: "Actions for {name}",
  you: "you",

  reset: "Reset the password",
  resetTitle: "Reset the password of {name}?",
  resetLoss1: "The old password stops working, and everything they are signed in to is signed out.",
  resetLoss2: "A new one is made and shown once, to you.",
  disable: "Disable",
  disableTitle: "Disable {name}?",
  disableLoss1:
    "They cannot sign in any more; what they are signed in to now, open consoles included, ends at once.",
  disableLoss2: "Their roles stay, for when they are enabled again.",
  enable: "Enable",
  enableTitle: "Enable {name}?",
  enableLoss: "They can sign in again with the password and the roles they had.",
  remove: "Delete",
  removeTitle: "Delete {name}?",
  removeLoss1:
    "They cannot sign in any more; what they are signed in to now, open consoles included, ends at once.",
  removeLooking: "Looking up what goes with it",
  removeRole: "{role} on {scope}",
  removeWith: {
    one: "What goes with it: roles: {roles}; groups: {groups}; {count} sign-in.",
    other: "What goes with it: roles: {roles}; groups: {groups}; {count} sign-ins.",
  },
  removeLoss2: "Their roles are removed. This cannot be undone; the activity log keeps what they did.",

  passwordTitle: "The password of {name}",
  password: "Password",
  passwordNext: "Hand it over in a safe way; a new one has to be chosen at the first sign-in.",

  noticeAdd: "Add user {name}",
  noticeReset: "Reset the password of {name}",
  noticeEnable: "Enable user {name}",
  noticeDisable: "Disable user {name}",
  noticeRemove: "Delete user {name}",
} as const satisfies Messages;
