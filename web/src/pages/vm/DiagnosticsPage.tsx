import { makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback, useMemo, useRef } from "react";
import { useSearchParams } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import type { Finding, VirtualMachine } from "../../api/types";
import { usePoll } from "../../components";
import { t } from "../../text";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";
import { toMachine } from "../vms/machine";
import { DiagnosticsSwitch } from "./DiagnosticsSwitch";
import { LoginPolicy } from "./LoginPolicy";
import { FindingsCard } from "./log/FindingsCard";
import { LogCard } from "./log/LogCard";
import { TimeLine } from "./log/TimeLine";
import { useLog } from "./log/useLog";
import { Screen } from "./Screen";
import { VmGate } from "./VmGate";
import { VmHeader } from "./VmHeader";

const FINDINGS_SECONDS = 5;

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalL },
  text: { margin: 0 },
  box: { containerType: "inline-size" },
  pair: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 2fr) minmax(0, 3fr)",
    alignItems: "start",
    gap: tokens.spacingHorizontalL,
    "@container (max-width: 699px)": { gridTemplateColumns: "minmax(0, 1fr)" },
  },
});

export default function DiagnosticsPage(): ReactNode {
  return (
    <>
      <VmHeader page={t("vm.diagnostics")} />
      <VmGate>{(vm) => <Diagnostics vm={vm} />}</VmGate>
    </>
  );
}

function Diagnostics({ vm }: { vm: VirtualMachine }): ReactNode {
  const styles = useStyles();
  const machine = useMemo(() => toMachine(vm), [vm]);
  const may = useRights([vm.id]);
  const on = vm.properties.diagnosticsProfile?.bootDiagnostics?.enabled !== false;
  const why = may(vm.id, "diagnostics") ? undefined : t("vms.whyRight", { action: RIGHTS.diagnostics });
  return (
    <div className={styles.root}>
      <p className={styles.text}>{t("vm.diagnosticsIntro")}</p>
      <DiagnosticsSwitch vm={vm} machine={machine} />
      {on && why === undefined ? (
        <Told vm={vm} />
      ) : (
        <p className={styles.text}>{why ?? t("vm.diagnosticsOffNote")}</p>
      )}
      <LoginPolicy vm={vm.id} />
    </div>
  );
}

/** Findings, picture, time line and log of a machine whose boot diagnostics are on. */
function Told({ vm }: { vm: VirtualMachine }): ReactNode {
  const styles = useStyles();
  const machine = useMemo(() => toMachine(vm), [vm]);
  const [address] = useSearchParams();
  // A link to a line, for instance from the overview.
  const wanted = useRef(offsetIn(address.get("offset")));
  const log = useLog(vm.id, wanted.current);
  const place = useRef<HTMLDivElement>(null);
  const load = useCallback(
    (signal: AbortSignal) =>
      arm.list<Finding>(`${vm.id}/providers/Outofband.Diagnostics/findings`, {
        version: VERSIONS.diagnostics,
        signal,
      }),
    [vm.id],
  );
  const findings = usePoll(load, FINDINGS_SECONDS);
  const none = useMemo<Finding[]>(() => [], []);

  function show(offset: number): void {
    log.jump(offset);
    place.current?.scrollIntoView({ block: "nearest" });
  }

  return (
    <>
      <FindingsCard polled={findings} onEvidence={show} />
      <div className={styles.box}>
        <div className={styles.pair}>
          <Screen machine={machine} why={undefined} />
          <TimeLine
            boots={log.view?.boots ?? []}
            start={log.view?.start ?? 0}
            findings={findings.data ?? none}
            onBoot={(boot) => show(Math.max(boot.from, log.view?.start ?? 0))}
          />
        </div>
      </div>
      <div ref={place}>
        <LogCard id={vm.id} name={machine.name} log={log} />
      </div>
    </>
  );
}

function offsetIn(given: string | null): number | undefined {
  return given !== null && /^\d{1,16}$/.test(given) ? Number(given) : undefined;
}
