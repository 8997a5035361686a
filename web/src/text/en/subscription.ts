import type { Messages } from "../catalogue";

export const subscription = {
  title: "Subscription",
  choose: "Subscription",
  id: "Subscription id",
  state: "State",
  name: "Name",
  none: "You have no role in any subscription",
  noneHint: "Ask an Owner to give you a role, then look again.",

  console: "Serial console",
  consoleOn: "Enabled: machines of this subscription can be reached through their consoles.",
  consoleOff: "Disabled: no console of this subscription opens, for anybody.",
  consoleDisable: "Disable the serial console",
  consoleEnable: "Enable the serial console",
  disableConfirm: "Disable",
  disableTitle: "Disable the serial console of {name}?",
  disableLoss1: "All open console sessions of this subscription end at once, yours included.",
  disableLoss2: "Nobody can open a console of its machines until it is enabled again.",
  disableLoss3: "Consoles stay recorded on the hosts; nothing of what machines print is lost.",
  whyRight: "You have no role that contains {action} on this subscription. Ask an Owner or Contributor.",
  noticeDisable: "Disable the serial console of {name}",
  noticeEnable: "Enable the serial console of {name}",
  access: "Access",
} as const satisfies Messages;
