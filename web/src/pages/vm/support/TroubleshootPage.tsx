import { Button, mergeClasses, Spinner } from "@fluentui/react-components";
import { type ReactNode, useCallback, useRef, useState } from "react";
import { arm, VERSIONS } from "../../../api/client";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView, usePoll, When } from "../../../components";
import { t } from "../../../text";
import { Card } from "../../shared/Card";
import { RIGHTS } from "../../shared/rights";
import { useRights } from "../../shared/useRights";
import { VmGate } from "../VmGate";
import { VmHeader } from "../VmHeader";
import { RescueRun } from "./RescueRun";
import { currentOf, isOver, newName, type Rescue, startOf, type Wish } from "./rescue";
import { StartRescue } from "./StartRescue";
import { useSupportStyles } from "./useStyles";

/** While a run goes on, and while none does. */
const SECONDS = 2;
const IDLE_SECONDS = 20;

export default function TroubleshootPage(): ReactNode {
  return (
    <>
      <VmHeader page={t("support.troubleshoot")} />
      <VmGate>{(vm) => <Rescues key={vm.id} vm={vm} />}</VmGate>
    </>
  );
}

function Rescues({ vm }: { vm: VirtualMachine }): ReactNode {
  const styles = useSupportStyles();
  const path = `${vm.id}/providers/Outofband.Diagnostics/rescues`;
  const [seconds, setSeconds] = useState(SECONDS);
  const [shown, setShown] = useState<string>();
  const may = useRights([vm.id]);
  const known = useRef<readonly Rescue[]>([]);
  const load = useCallback(
    async (signal: AbortSignal) => {
      known.current = await latest(path, known.current, signal);
      setSeconds(known.current.some((run) => !isOver(run)) ? SECONDS : IDLE_SECONDS);
      return known.current;
    },
    [path],
  );
  const { data, error, refresh } = usePoll(load, seconds);
  const why = may(vm.id, "rescue") ? undefined : t("vms.whyRight", { action: RIGHTS.rescue });

  async function start(wish: Wish): Promise<void> {
    const name = newName(new Date());
    await arm.put(`${path}/${name}`, { version: VERSIONS.diagnostics, body: startOf(wish) });
    setShown(name);
    await refresh();
  }

  if (!data) {
    if (error !== undefined) return <ErrorView error={error} onRetry={() => void refresh()} />;
    return <Spinner aria-label={t("common.loading")} />;
  }
  const current = currentOf(data);
  const run = (current && !isOver(current) ? current : data.find((each) => each.name === shown)) ?? current;
  return (
    <div className={mergeClasses(styles.root, styles.narrow)}>
      <p className={styles.text}>{t("rescue.intro")}</p>
      {run && <RescueRun key={run.name} vm={vm} run={run} onChanged={refresh} />}
      {(!run || isOver(run)) && <StartRescue vm={vm} why={why} onStart={start} />}
      {!run && <p className={styles.faint}>{t("rescue.none")}</p>}
      <Earlier runs={data.filter((each) => each !== run)} onShow={setShown} />
    </div>
  );
}

/** All runs; while one goes on, that one anew: the others are over and do not change. */
async function latest(path: string, known: readonly Rescue[], signal: AbortSignal): Promise<Rescue[]> {
  const options = { version: VERSIONS.diagnostics, signal };
  const going = known.find((run) => !isOver(run));
  if (!going) return arm.list<Rescue>(path, options);
  const now = await arm.get<Rescue>(`${path}/${going.name}`, options);
  return known.map((run) => (run === going ? now : run));
}

function Earlier(props: { runs: readonly Rescue[]; onShow: (name: string) => void }): ReactNode {
  const styles = useSupportStyles();
  const { runs, onShow } = props;
  if (runs.length === 0) return null;
  return (
    <Card title={t("rescue.earlier")}>
      <ul className={styles.list}>
        {runs.map((run) => (
          <li key={run.name}>
            <When at={run.properties.created} />: {run.properties.summary}{" "}
            <Button size="small" appearance="transparent" onClick={() => onShow(run.name)}>
              {t("rescue.show")}
            </Button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
