import { MessageBar, MessageBarBody, MessageBarTitle } from "@fluentui/react-components";
import { ArrowUndoRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView } from "../../../components";
import { t } from "../../../text";
import { GuardedButton } from "../../shared/GuardedButton";
import { placeOf, vmPath } from "../../shared/resourceId";
import { useTableStyles } from "../../shared/tableStyles";
import type { NicReset } from "./useNicReset";
import { useSupportStyles } from "./useStyles";

interface Props {
  vm: VirtualMachine;
  reset: NicReset;
  /** Why nothing can be done now. */
  why: string | undefined;
  onUndo: () => void;
}

/** That a reset goes on, and what came of it. */
export function NicOutcome({ vm, reset, why, onUndo }: Props): ReactNode {
  const styles = useSupportStyles();
  const table = useTableStyles();
  const { busy, off, result, error } = reset;
  return (
    <>
      {busy && (
        <p className={styles.text} role="status">
          {t(off ? "nic.underWayOff" : "nic.underWay")}
        </p>
      )}
      {result && (
        <MessageBar intent="success" layout="multiline" role="status">
          <MessageBarBody className={styles.body}>
            <MessageBarTitle>{t(off ? "nic.doneTitleOff" : "nic.doneTitle")}</MessageBarTitle>
            <span>
              {t("nic.became", {
                address: result.after.address,
                mac: result.after.mac,
                addressBefore: result.before.address,
                macBefore: result.before.mac,
              })}
            </span>
            <span>{result.observed}</span>
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
