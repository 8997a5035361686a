import { type ReactNode, useCallback } from "react";
import { arm, VERSIONS } from "../../../api/client";
import { ErrorView, Prose, StatusBadge, usePoll, When } from "../../../components";
import { localTimes, t } from "../../../text";
import { Card } from "../../shared/Card";
import { Facts } from "../../shared/Facts";
import {
  actionsOf,
  availabilityOf,
  availabilityWord,
  type HealthStatus,
  meaning,
  reasonWord,
  toneOf,
} from "./health";
import { useSupportStyles } from "./useStyles";

const SECONDS = 5;

/** How a VM is, or the classic view of one, as it is asked every few seconds. */
export function HealthCard({ id, title }: { id: string; title: string }): ReactNode {
  const load = useCallback(
    (signal: AbortSignal) =>
      arm.get<HealthStatus>(`${id}/providers/Microsoft.ResourceHealth/availabilityStatuses/current`, {
        version: VERSIONS.resourceHealth,
        signal,
      }),
    [id],
  );
  const { data, error, refresh } = usePoll(load, SECONDS);
  return (
    <>
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && <Told status={data} title={title} />}
    </>
  );
}

function Told({ status, title }: { status: HealthStatus; title: string }): ReactNode {
  const styles = useSupportStyles();
  const { properties } = status;
  const availability = availabilityOf(status);
  const actions = actionsOf(status);
  return (
    <Card title={title}>
      <Facts
        facts={[
          {
            name: t("support.healthState"),
            value: <StatusBadge tone={toneOf(availability)}>{availabilityWord(availability)}</StatusBadge>,
          },
          {
            name: t("support.healthSince"),
            value: properties.occuredTime ? <When at={properties.occuredTime} relative /> : t("vm.notSaid"),
          },
          { name: t("support.healthReason"), value: reasonWord(properties.reasonType) },
          {
            name: t("support.healthReported"),
            value: properties.reportedTime ? <When at={properties.reportedTime} relative /> : t("vm.notSaid"),
          },
          { name: t("common.code"), value: properties.detailedStatus || t("vm.notSaid") },
        ]}
      />
      <p className={styles.text}>
        <Prose text={localTimes(meaning(status))} />
      </p>
      {actions.length > 0 && (
        <div>
          <span className={styles.strong}>{t("common.whatToDo")}:</span>
          <ul className={styles.list}>
            {actions.map((action) => (
              <li key={action}>
                <Prose text={action} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </Card>
  );
}
