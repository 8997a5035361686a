import { Button, Spinner } from "@fluentui/react-components";
import { AddRegular, ArrowClockwiseRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { ErrorView, PageHeader } from "../../components";
import { t } from "../../text";
import { NoSubscription } from "../shared/NoSubscription";
import { FirstMachine, HowTo } from "./FirstMachine";
import { Machines } from "./Machines";
import { useMachines } from "./useMachines";

export default function VmsPage(): ReactNode {
  const polled = useMachines();
  const { data, error, refresh } = polled;
  const [howTo, setHowTo] = useState(false);
  return (
    <>
      <PageHeader
        title={t("vms.title")}
        actions={
          <>
            {data && data.subscriptions.length > 0 && (
              <Button icon={<AddRegular />} onClick={() => setHowTo(true)}>
                {t("vms.add")}
              </Button>
            )}
            <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
              {t("common.refresh")}
            </Button>
          </>
        }
      />
      {!data && polled.loading && <Spinner label={t("common.loading")} />}
      {!data && error !== undefined && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data &&
        (data.subscriptions.length === 0 ? (
          <NoSubscription />
        ) : (
          <Machines
            listing={data}
            polled={polled}
            empty={<FirstMachine subscriptions={data.subscriptions} />}
          />
        ))}
      <HowTo open={howTo} subscriptions={data?.subscriptions ?? []} onClose={() => setHowTo(false)} />
    </>
  );
}
