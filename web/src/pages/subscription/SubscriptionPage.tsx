import { Field, makeStyles, Select, Spinner, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { useSearchParams } from "react-router";
import type { Subscription } from "../../api/types";
import { ErrorView, PageHeader } from "../../components";
import { t } from "../../text";
import { AccessView } from "../access/AccessView";
import { Card } from "../shared/Card";
import { Facts } from "../shared/Facts";
import { NoSubscription } from "../shared/NoSubscription";
import { useSubscriptions } from "../shared/useSubscriptions";
import { ConsoleSwitch } from "./ConsoleSwitch";

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalL },
  choice: { maxWidth: "28rem" },
  title: { margin: 0, fontSize: tokens.fontSizeBase500, lineHeight: tokens.lineHeightBase500 },
});

/** `?id=` chooses one of several. */
export default function SubscriptionPage(): ReactNode {
  const styles = useStyles();
  const { data, error, loading, refresh } = useSubscriptions();
  const [address, setAddress] = useSearchParams();
  const chosen = data?.find((each) => each.subscriptionId === address.get("id")) ?? data?.[0];
  return (
    <>
      <PageHeader title={chosen?.displayName ?? t("subscription.title")} subtitle={t("subscription.title")} />
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && !chosen && <NoSubscription />}
      {data && chosen && (
        <div className={styles.root}>
          {data.length > 1 && (
            <Field label={t("subscription.choose")} className={styles.choice}>
              <Select value={chosen.subscriptionId} onChange={(_, { value }) => setAddress({ id: value })}>
                {data.map((each) => (
                  <option key={each.subscriptionId} value={each.subscriptionId}>
                    {each.displayName}
                  </option>
                ))}
              </Select>
            </Field>
          )}
          <One key={chosen.subscriptionId} subscription={chosen} />
        </div>
      )}
    </>
  );
}

function One({ subscription }: { subscription: Subscription }): ReactNode {
  const styles = useStyles();
  const { id, subscriptionId, displayName, state } = subscription;
  return (
    <>
      <Card title={t("vm.essentials")}>
        <Facts
          facts={[
            { name: t("subscription.name"), value: displayName },
            { name: t("subscription.id"), value: subscriptionId, copy: subscriptionId, long: true },
            { name: t("subscription.state"), value: state },
          ]}
        />
      </Card>
      <ConsoleSwitch subscription={subscription} />
      <h2 className={styles.title}>{t("subscription.access")}</h2>
      <AccessView
        scope={id}
        choices={[
          { scope: id, label: t("access.addScopeSubscription", { name: displayName }) },
          { scope: "/", label: t("access.addScopeWhole") },
        ]}
      />
    </>
  );
}
