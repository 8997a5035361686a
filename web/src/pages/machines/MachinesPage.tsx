import { Button, Spinner } from "@fluentui/react-components";
import { AddRegular, ArrowClockwiseRegular, ServerRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import { Empty, ErrorView, PageHeader } from "../../components";
import { t } from "../../text";
import { NoSubscription } from "../shared/NoSubscription";
import { ServerList } from "./ServerList";
import { useServers } from "./useServers";

export default function MachinesPage(): ReactNode {
  const navigate = useNavigate();
  const polled = useServers();
  const { data, error, loading, refresh } = polled;
  const add = (
    <Button appearance="primary" icon={<AddRegular />} onClick={() => void navigate("/machines/add")}>
      {t("machines.add")}
    </Button>
  );
  return (
    <>
      <PageHeader
        title={t("machines.title")}
        subtitle={t("machines.intro")}
        actions={
          <>
            {data && data.servers.length > 0 && add}
            <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
              {t("common.refresh")}
            </Button>
          </>
        }
      />
      {!data && loading && <Spinner label={t("common.loading")} />}
      {!data && error !== undefined && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data &&
        (data.subscriptions.length === 0 ? (
          <NoSubscription />
        ) : (
          <ServerList
            listing={data}
            polled={polled}
            empty={
              <Empty title={t("machines.emptyTitle")} icon={<ServerRegular />} action={add}>
                {t("machines.emptyHint")}
              </Empty>
            }
          />
        ))}
    </>
  );
}
