import type { ReactNode } from "react";
import { t } from "../../text";
import { ActivityLog } from "../activity/ActivityLog";
import { MachineHeader } from "./MachineHeader";
import { useMachine } from "./machineContext";

/** Every row is about this machine: no names are needed. */
const NO_NAMES: ReadonlyMap<string, string> = new Map();

/** Also for a machine that was disconnected: its activity stays. */
export default function ActivityPage(): ReactNode {
  const { place, id } = useMachine();
  return (
    <>
      <MachineHeader page={t("frame.activityLog")} />
      <ActivityLog
        key={id}
        scope={`/subscriptions/${place.subscription}`}
        resource={id}
        names={NO_NAMES}
        name={place.name}
      />
    </>
  );
}
