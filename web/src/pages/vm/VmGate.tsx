import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { DesktopOffRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import { explained } from "../../api/errors";
import type { VirtualMachine } from "../../api/types";
import { Empty, ErrorView } from "../../components";
import { t } from "../../text";
import { setOf, setPath, vmPath } from "../shared/resourceId";
import { useVm } from "./vmContext";

const useStyles = makeStyles({
  buttons: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS, justifyContent: "center" },
  root: { display: "grid", rowGap: tokens.spacingVerticalM, justifyItems: "start" },
});

/** Shows what needs the machine once it is known, and otherwise why it is not. */
export function VmGate({ children }: { children: (vm: VirtualMachine) => ReactNode }): ReactNode {
  const styles = useStyles();
  const { place, polled } = useVm();
  const navigate = useNavigate();
  const { data, error, loading, refresh } = polled;
  const set = setOf(place);
  const toList = (
    <Button onClick={() => void navigate(set ? setPath(set) : "/vms")}>
      {set ? t("scaleSets.goneList", { name: set.name }) : t("vm.goneList")}
    </Button>
  );

  if (error !== undefined && explained(error).status === 404) {
    return (
      <Empty
        title={t("vm.gone", { name: data?.name ?? place.name })}
        icon={<DesktopOffRegular />}
        action={
          <div className={styles.buttons}>
            {toList}
            <Button onClick={() => void navigate(vmPath(place, "activity"))}>{t("vm.activity")}</Button>
          </div>
        }
      >
        {t("vm.goneHint")}
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
