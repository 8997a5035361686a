import { Button, Spinner } from "@fluentui/react-components";
import { ArrowClockwiseRegular, LayerDiagonalRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useMemo, useRef } from "react";
import { useParams } from "react-router";
import { Empty, ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { CommandLine } from "../shared/CommandLine";
import { placeIn, setId } from "../shared/resourceId";
import { useSubscriptions } from "../shared/useSubscriptions";
import { Provisioning } from "../vm/Provisioning";
import { Machines } from "../vms/Machines";
import { type Machine, reconcile, toMachine } from "../vms/machine";
import { type Listing, REFRESH_SECONDS } from "../vms/useMachines";
import { loadInstances, loadSet, staleNumbers } from "./sets";
import { Upgrade } from "./Upgrade";

/** One scale set: its instances, each with its console, and those that lack the latest model. */
export default function SetPage(): ReactNode {
  const { sub, group, name } = useParams();
  const place = useMemo(() => placeIn({ sub, group, name }), [sub, group, name]);
  const before = useRef<readonly Machine[]>([]);
  const load = useCallback(
    async (signal: AbortSignal) => {
      const [set, instances] = await Promise.all([
        loadSet(place, signal),
        loadInstances(setId(place), signal),
      ]);
      before.current = reconcile(before.current, instances.map(toMachine));
      return { set, machines: before.current, stale: staleNumbers(instances) };
    },
    [place],
  );
  const polled = usePoll(load, REFRESH_SECONDS);
  const { data, error, loading, refresh } = polled;
  const subscriptions = useSubscriptions().data;
  const listing = useMemo<Listing | undefined>(
    () => data && { machines: data.machines, subscriptions: subscriptions ?? [], failed: [] },
    [data, subscriptions],
  );
  return (
    <>
      <PageHeader
        title={place.name}
        subtitle={t("scaleSets.kind", { mode: data?.set.properties.upgradePolicy?.mode ?? "" })}
        status={data && <Provisioning state={data.set.properties.provisioningState ?? ""} />}
        actions={
          <>
            {data && data.stale.length > 0 && (
              <Upgrade set={place} numbers={data.stale} onEnd={() => void refresh()} />
            )}
            <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
              {t("common.refresh")}
            </Button>
          </>
        }
      />
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {listing && (
        <Machines
          listing={listing}
          polled={{ ...polled, data: listing }}
          empty={
            <Empty
              title={t("scaleSets.empty")}
              icon={<LayerDiagonalRegular />}
              action={<CommandLine command={`oob vmss scale ${place.name} 2`} />}
            >
              {t("scaleSets.emptyHint")}
            </Empty>
          }
        />
      )}
    </>
  );
}
