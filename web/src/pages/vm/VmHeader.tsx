import type { ReactNode } from "react";
import { PageHeader } from "../../components";
import { t } from "../../text";
import { PollState } from "../shared/PollState";
import { PowerLabel } from "../vms/Labels";
import { toMachine } from "../vms/machine";
import { SimulatorLabel } from "../vms/SimulatorLabel";
import { useVm } from "./vmContext";

interface Props {
  /** The page's name; absent on the first one. */
  page?: string;
  actions?: ReactNode;
}

/** The head of every page about a machine: which one, how it is, and which page. */
export function VmHeader({ page, actions }: Props): ReactNode {
  const { place, polled } = useVm();
  const machine = polled.data && toMachine(polled.data);
  const name = polled.data?.name ?? place.name;
  return (
    <PageHeader
      title={page === undefined ? name : t("vm.title", { name, page })}
      subtitle={
        <>
          {place.instance ? t("scaleSets.instanceOf", { name: place.instance.set }) : t("vm.kind")}{" "}
          <PollState polled={polled} />
        </>
      }
      status={
        machine && (
          <>
            {machine.simulator && <SimulatorLabel />}
            <PowerLabel machine={machine} />
          </>
        )
      }
      actions={actions}
    />
  );
}
