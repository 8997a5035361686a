import type { Messages } from "../catalogue";

export const machines = {
  title: "Machines",
  intro: "Servers and VM hosts with an agent. An agent dials out and listens on no port.",
  count: { one: "{count} machine", other: "{count} machines" },
  countOf: "{shown} of {count} machines",
  add: "Add a server",
  filter: "Filter by name, state, group, system or tag",
  noMatch: "No machine fits the filter",

  columnName: "Name",
  columnState: "State",
  columnVms: "VMs",
  columnAgent: "Agent",
  columnHeartbeat: "Last heartbeat",
  columnSystem: "System",
  columnLocation: "Location",
  columnGroup: "Resource group",
  columnTags: "Tags",
  table: "Connected machines",

  stateConnected: "Connected",
  stateDisconnected: "Disconnected",
  stateExpired: "Expired",
  stateAwaiting: "Awaiting connection",
  stateError: "Error",
  stateUnknown: "Unknown state",
  hintDisconnected:
    "The agent is stopped, the server is down, or its network is broken. The machine comes back by itself when its agent does.",
  hintExpired:
    "The machine's certificate has ended: it was away for too long to renew it. On the server, disconnect it and connect it again.",
  hintAwaiting:
    "The machine was made here, and its agent has not claimed it yet. The same command again, on the server, goes on where it stopped.",
  hintError: "The agent or the control plane says that something is wrong with the machine.",
  hintUnknown: "The control plane says a state that this portal does not know. Reload the page.",
  errors: { one: "{count} problem", other: "{count} problems" },
  monitor: "Watch only",
  monitorHint: "The host's own policy lets nobody type and refuses every command.",
  notSaid: "Not said",
  vms: { one: "{count} VM", other: "{count} VMs" },
  showVms: { one: "{count} VM on {name}", other: "{count} VMs on {name}" },

  emptyTitle: "No machines yet",
  emptyHint:
    "A server is connected by a script that you run on it: with your own sign-in, with a service principal for many servers, or with a token that works once.",
} as const satisfies Messages;
