import { Button, makeStyles, Spinner, Text, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { AddRegular, ArrowClockwiseRegular, ServerRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { useSearchParams } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import type { Host as HostResource, Subscription } from "../../api/types";
import { Empty, ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { NoSubscription } from "../shared/NoSubscription";
import { PollState } from "../shared/PollState";
import { Enrol } from "./Enrol";
import { HostTable } from "./HostTable";
import { type Host, inOrder, toHost } from "./host";

const SECONDS = 5;

interface Listing {
  subscriptions: readonly Subscription[];
  hosts: readonly Host[];
}

const useStyles = makeStyles({
  list: { display: "grid", rowGap: tokens.spacingVerticalM },
});

/** `?host=NAME` opens the details of one. */
export default function HostsPage(): ReactNode {
  const styles = useStyles();
  const polled = usePoll(loadHosts, SECONDS);
  const { data, error, loading, refresh } = polled;
  const [address] = useSearchParams();
  const [enrolling, setEnrolling] = useState(false);
  const restore = useRestoreFocusTarget();
  const enrol = (
    <Button {...restore} appearance="primary" icon={<AddRegular />} onClick={() => setEnrolling(true)}>
      {t("hosts.enrol")}
    </Button>
  );
  return (
    <>
      <PageHeader
        title={t("hosts.title")}
        subtitle={t("hosts.intro")}
        actions={
          <>
            {data && data.hosts.length > 0 && enrol}
            <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
              {t("common.refresh")}
            </Button>
          </>
        }
      />
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && data.subscriptions.length === 0 && <NoSubscription />}
      {data && data.subscriptions.length > 0 && data.hosts.length === 0 && (
        <Empty title={t("hosts.emptyTitle")} icon={<ServerRegular />} action={enrol}>
          {t("hosts.emptyHint")}
        </Empty>
      )}
      {data && data.hosts.length > 0 && (
        <div className={styles.list}>
          <div>
            <Text>{t("hosts.count", { count: data.hosts.length })}</Text> <PollState polled={polled} />
          </div>
          <HostTable hosts={data.hosts} opened={address.get("host") ?? ""} />
        </div>
      )}
      <Enrol open={enrolling} subscriptions={data?.subscriptions ?? []} onClose={() => setEnrolling(false)} />
    </>
  );
}

async function loadHosts(signal: AbortSignal): Promise<Listing> {
  const subscriptions = await arm.list<Subscription>("/subscriptions", {
    version: VERSIONS.resources,
    signal,
  });
  const lists = await Promise.all(
    subscriptions.map((each) =>
      arm.list<HostResource>(`${each.id}/providers/Microsoft.HybridCompute/machines`, {
        version: VERSIONS.hybridCompute,
        signal,
      }),
    ),
  );
  return { subscriptions, hosts: inOrder(lists.flat().map(toHost)) };
}
