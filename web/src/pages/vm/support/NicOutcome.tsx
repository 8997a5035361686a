import { MessageBar, MessageBarBody, MessageBarTitle } from "@fluentui/react-components";
import { ArrowUndoRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView, Stages } from "../../../components";
import { t } from "../../../text";
import { GuardedButton } from "../../shared/GuardedButton";
import { placeOf, vmPath } from "../../shared/resourceId";
import { useTableStyles } from "../../shared/tableStyles";
import type { Stage } from "./nic";
import type { NicReset } from "./useNicReset";
import { useSupportStyles } from "./useStyles";

interface Props {
  vm: VirtualMachine;
  reset: NicReset;
  /** Why nothing can be done now. */
  why: string | undefined;
  onUndo: () => void;
}

/** How a reset goes, stage by stage, and what came of it. */
export function NicOutcome({ vm, reset, why, onUndo }: Props): ReactNode {
  const styles = useSupportStyles();
  const table = useTableStyles();
  const { busy, stages, stage, result, error } = reset;
  if (stages.length === 0) return null;
  return (
    <>
      <Stages
        stages={stages.map(stageWord)}
        at={stage === undefined ? (busy ? 0 : stages.length) : stages.indexOf(stage)}
        failed={error !== undefined}
      />
      {result && !busy && (
        <MessageBar intent="success" layout="multiline" role="status">
          <MessageBarBody className={styles.body}>
            <MessageBarTitle>
              {stages.includes("restart") ? t("nic.doneTitle") : t("nic.doneTitleOff")}
            </MessageBarTitle>
            <span>
              {t("nic.became", {
                address: result.after.address,
                mac: result.after.mac,
                addressBefore: result.before.address,
                macBefore: result.before.mac,
              })}
            </span>
            {result.observed && <span>{result.observed}</span>}
            <span>
              {t("nic.next")}{" "}
              <Link className={table.link} to={vmPath(placeOf(vm.id), "troubleshoot")}>
                {t("support.troubleshoot")}
              </Link>
            </span>
            <div>
              <GuardedButton icon={<ArrowUndoRegular />} why={why} onClick={onUndo}>
                {t("nic.undo")}
              </GuardedButton>
            </div>
          </MessageBarBody>
        </MessageBar>
      )}
      {error !== undefined && <ErrorView error={error} />}
    </>
  );
}

function stageWord(stage: Stage): string {
  switch (stage) {
    case "write":
      return t("nic.stageWrite");
    case "tell":
      return t("nic.stageTell");
    case "restart":
      return t("nic.stageRestart");
  }
}
