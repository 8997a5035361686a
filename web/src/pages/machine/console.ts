import type { ConnectedMachine } from "../../api/machines";

/** Whether the server itself has a console that its administrator allows: a serial port, or an emergency shell. */
export function hasConsole(machine: Pick<ConnectedMachine, "properties"> | undefined): boolean {
  return Boolean(machine?.properties.outofband?.console);
}
