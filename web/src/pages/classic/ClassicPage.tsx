import { makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback, useMemo, useState } from "react";
import { Link, useParams } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import { Confirm, ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { Facts } from "../shared/Facts";
import { GuardedButton } from "../shared/GuardedButton";
import { placeIn, placeOf, vmPath } from "../shared/resourceId";
import { useTableStyles } from "../shared/tableStyles";
import { HealthCard } from "../vm/support/HealthCard";
import { lossesOf } from "../vms/PowerQuestion";
import { BootData } from "./BootData";
import { act, type ClassicDeed, type ClassicVm, classicId, deedWord } from "./classic";
import { Endpoints } from "./Endpoints";
import { Password } from "./Password";

const SECONDS = 3;
const DEEDS: readonly ClassicDeed[] = ["start", "restart", "shutdown", "resetRemoteAccess"];

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalL, maxWidth: "56rem" },
  bar: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalXS },
});

/** One classic VM: its power, its endpoints, and the way back in. */
export default function ClassicPage(): ReactNode {
  const styles = useStyles();
  const { sub, group, name } = useParams();
  const place = useMemo(() => placeIn({ sub, group, name }), [sub, group, name]);
  const load = useCallback(
    (signal: AbortSignal) =>
      arm.get<ClassicVm>(classicId(place), { version: VERSIONS.classicCompute, signal }),
    [place],
  );
  const { data, error, loading, refresh } = usePoll(load, SECONDS);
  return (
    <>
      <PageHeader title={place.name} subtitle={t("classic.kind")} />
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && (
        <div className={styles.root}>
          <Commands vm={data} onEnd={refresh} />
          <About vm={data} />
          <Endpoints vm={data} onEnd={refresh} />
          <HealthCard id={data.id} title={t("support.health")} />
          <BootData vm={data} />
          <Password vm={data} onEnd={refresh} />
        </div>
      )}
    </>
  );
}

function Commands({ vm, onEnd }: { vm: ClassicVm; onEnd: () => Promise<void> }): ReactNode {
  const styles = useStyles();
  const [asked, setAsked] = useState<ClassicDeed>();
  const [busy, setBusy] = useState<ClassicDeed>();
  const [error, setError] = useState<unknown>();

  async function go(deed: ClassicDeed): Promise<void> {
    setBusy(deed);
    setError(undefined);
    try {
      await act(vm, deed);
    } catch (thrown) {
      setError(thrown);
    } finally {
      await onEnd();
      setBusy(undefined);
    }
  }

  return (
    <div>
      <div className={styles.bar}>
        {DEEDS.map((deed) => (
          <GuardedButton
            key={deed}
            appearance="subtle"
            icon={busy === deed ? <Spinner size="tiny" /> : null}
            why={busy ? t("vms.whyBusy") : undefined}
            onClick={() => (deed === "start" ? void go(deed) : setAsked(deed))}
          >
            {deedWord(deed)}
          </GuardedButton>
        ))}
      </div>
      {error !== undefined && <ErrorView error={error} onRetry={() => setError(undefined)} />}
      {asked && (
        <Confirm
          open
          title={t("classic.ask", { what: deedWord(asked), name: vm.name })}
          loses={lossesFor(asked)}
          confirm={deedWord(asked)}
          onConfirm={() => void go(asked)}
          onClose={() => setAsked(undefined)}
        />
      )}
    </div>
  );
}

function About({ vm }: { vm: ClassicVm }): ReactNode {
  const table = useTableStyles();
  const { properties } = vm;
  const behind = placeOf(properties.outofband.virtualMachine.id);
  return (
    <Card title={t("vm.essentials")}>
      <Facts
        facts={[
          { name: t("classic.state"), value: properties.instanceView.status },
          { name: t("vm.power"), value: properties.instanceView.powerState },
          { name: t("classic.service"), value: properties.domainName.name },
          {
            name: t("support.publicAddress"),
            value: properties.instanceView.publicIpAddresses.join(", ") || t("common.none"),
          },
          {
            name: t("classic.system"),
            value: properties.storageProfile?.operatingSystemDisk?.operatingSystem ?? t("vm.notSaid"),
          },
          {
            name: t("classic.behind"),
            value: (
              <Link className={table.link} to={vmPath(behind)}>
                {behind.name}
              </Link>
            ),
          },
        ]}
      />
    </Card>
  );
}

function lossesFor(deed: ClassicDeed): readonly string[] {
  switch (deed) {
    case "restart":
      return lossesOf("restart");
    case "shutdown":
      return lossesOf("powerOff");
    default:
      return [t("classic.resetLoss")];
  }
}
