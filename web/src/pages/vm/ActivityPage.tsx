import type { ReactNode } from "react";
import { t } from "../../text";
import { ActivityLog } from "../activity/ActivityLog";
import { VmHeader } from "./VmHeader";
import { useVm } from "./vmContext";

/** Every row is about this machine: no names are needed. */
const NO_NAMES: ReadonlyMap<string, string> = new Map();

/** Also for a machine that is gone: its activity stays. */
export default function ActivityPage(): ReactNode {
  const { place, id } = useVm();
  return (
    <>
      <VmHeader page={t("vm.activity")} />
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
