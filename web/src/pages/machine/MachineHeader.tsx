import type { ReactNode } from "react";
import { PageHeader } from "../../components";
import { t } from "../../text";
import { StateLabel } from "../machines/StateLabel";
import { stateOf } from "../machines/state";
import { PollState } from "../shared/PollState";
import { useMachine } from "./machineContext";

interface Props {
  /** The page's name; absent on the first one. */
  page?: string;
  actions?: ReactNode;
}

/** The head of every page about a connected machine: which one, how it is, and which page. */
export function MachineHeader({ page, actions }: Props): ReactNode {
  const { place, polled } = useMachine();
  const name = polled.data?.name ?? place.name;
  return (
    <PageHeader
      title={page === undefined ? name : t("vm.title", { name, page })}
      subtitle={
        <>
          {t("machine.kind")} <PollState polled={polled} />
        </>
      }
      status={polled.data && <StateLabel server={{ state: stateOf(polled.data) }} />}
      actions={actions}
    />
  );
}
