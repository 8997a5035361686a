import type { Messages } from "../catalogue";

/** The page that gives a machine another network card. */
export const nic = {
  title: "Reset NIC",
  page: "Reset the network interface",
  intro:
    "For a guest whose network settings are wrong: a card that was switched off or disabled, a wrong address, leftovers of another network.",
  now: "The interface now",
  fixed: "static",
  dynamic: "dynamic",
  mac: "MAC address",
  what1: "The interface gets another private address, and with it another MAC address.",
  what2:
    "The machine restarts. Its guest finds a card that it has never seen, and asks for its address anew.",
  what2Off: "The machine is off: its guest finds the new card at its next start.",
  what3:
    "A dynamic address stays dynamic, unless you name one: that is static afterwards. The public address stays.",
  loss1: "The private address changes: what names it elsewhere has to follow.",
  loss2:
    "The guest is asked to shut down, and forced after 90 seconds; what it has not written to its disks is lost.",
  loss3: "Everybody who is connected to the machine is cut off.",
  wanted: "New private address",
  wantedHint:
    "Left empty, a free one of its subnet is chosen, one that the guest does not take for its old one.",
  wrong: "An IPv4 address",
  same: "It has this address already",
  reset: "Reset",
  ask: "Reset the network interface of {name}?",
  change: "Private address: {before} becomes {after}.",
  doneTitle: "The machine has another card",
  doneTitleOff: "The machine gets another card at its next start",
  became: "{address}, MAC address {mac}; before: {addressBefore}, {macBefore}.",
  next: "The guest takes up to some minutes to come up. Does it not answer then?",
  undo: "Put the old address back",
  askUndo: "Put the old address of {name} back?",
  undoNote: "Its old MAC address comes back with it.",
  free: "a free one of its subnet",
  underWay: "The interface gets its new address and card, and the machine restarts with them.",
  underWayOff: "The interface gets its new address and card, and the host is told.",
  notice: "Reset the network interface of {name}",
} as const satisfies Messages;
