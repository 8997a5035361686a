import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { PlugDisconnectedRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import { explained } from "../../api/errors";
import type { ConnectedMachine } from "../../api/machines";
import { Empty, ErrorView } from "../../components";
import { t } from "../../text";
import { machinePath } from "../shared/resourceId";
import { useMachine } from "./machineContext";

const useStyles = makeStyles({
  buttons: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS, justifyContent: "center" },
  root: { display: "grid", rowGap: tokens.spacingVerticalM, justifyItems: "start" },
});

/** Shows what needs the machine once it is known, and otherwise why it is not. */
export function MachineGate({ children }: { children: (machine: ConnectedMachine) => ReactNode }): ReactNode {
  const styles = useStyles();
  const { place, polled } = useMachine();
  const navigate = useNavigate();
  const { data, error, loading, refresh } = polled;
  const toList = <Button onClick={() => void navigate("/machines")}>{t("machine.goneList")}</Button>;

  if (error !== undefined && explained(error).status === 404) {
    return (
      <Empty
        title={t("machine.gone", { name: data?.name ?? place.name })}
        icon={<PlugDisconnectedRegular />}
        action={
          <div className={styles.buttons}>
            {toList}
            <Button onClick={() => void navigate(machinePath(place, "activity"))}>
              {t("frame.activityLog")}
            </Button>
          </div>
        }
      >
        {t("machine.goneHint")}
      </Empty>
    );
  }
  if (data) return children(data);
  if (loading) return <Spinner label={t("common.loading")} />;
  return (
    <div className={styles.root}>
      <ErrorView error={error} onRetry={() => void refresh()} />
      {toList}
    </div>
  );
}
