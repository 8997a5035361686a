import { Field, Select, Spinner } from "@fluentui/react-components";
import { PersonProhibitedRegular } from "@fluentui/react-icons";
import { type ReactNode, useMemo } from "react";
import { useSearchParams } from "react-router";
import { arm } from "../../api/client";
import type { User } from "../../api/types";
import { Empty, ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { NoSubscription } from "../shared/NoSubscription";
import { useRight } from "../shared/useRights";
import { useSubscriptions } from "../shared/useSubscriptions";
import { ActivityLog } from "./ActivityLog";
import { TENANT } from "./useActivity";

/** The log of a subscription, or that of the tenant: what belongs to no subscription. */
export default function ActivityPage(): ReactNode {
  const { data, error, loading, refresh } = useSubscriptions();
  const [asked, ask] = useSearchParams();
  const names = useMemo(() => new Map(data?.map((each) => [each.subscriptionId, each.displayName])), [data]);
  const wanted = asked.get("log");
  const chosen = data?.find((each) => each.id === wanted) ?? data?.[0];
  const choice = (
    <Field label={t("activity.log")}>
      <Select
        value={wanted === TENANT ? TENANT : chosen?.id}
        onChange={(_, { value }) => ask({ log: value }, { replace: true })}
      >
        {data?.map((each) => (
          <option key={each.id} value={each.id}>
            {t("activity.logSubscription", { name: each.displayName })}
          </option>
        ))}
        <option value={TENANT}>{t("activity.logTenant")}</option>
      </Select>
    </Field>
  );
  return (
    <>
      <PageHeader title={t("activity.title")} subtitle={t("activity.intro")} />
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && !chosen && <NoSubscription />}
      {chosen &&
        (wanted === TENANT ? (
          <TenantLog choice={choice} />
        ) : (
          <ActivityLog key={chosen.id} scope={chosen.id} names={names} name={chosen.displayName}>
            {choice}
          </ActivityLog>
        ))}
    </>
  );
}

function TenantLog({ choice }: { choice: ReactNode }): ReactNode {
  const allowed = useRight(TENANT, "readActivity");
  const { data } = usePoll(loadPeople, 0);
  const names = useMemo(
    () => new Map([["unknown", t("activity.nobody")], ...(data ?? []).map(nameOf)]),
    [data],
  );
  if (allowed) {
    return (
      <ActivityLog scope={TENANT} names={names} name="tenant">
        {choice}
      </ActivityLog>
    );
  }
  return (
    <>
      {choice}
      {allowed === undefined ? (
        <Spinner label={t("activity.loading")} />
      ) : (
        <Empty title={t("activity.tenantRefused")} icon={<PersonProhibitedRegular />}>
          {t("activity.tenantRefusedHint")}
        </Empty>
      )}
    </>
  );
}

/** The log names people by their ids; one who was removed stays an id. */
function loadPeople(signal: AbortSignal): Promise<User[]> {
  return arm.list<User>("/v1.0/users", { signal });
}

function nameOf(user: User): [string, string] {
  return [user.id, user.userPrincipalName];
}
