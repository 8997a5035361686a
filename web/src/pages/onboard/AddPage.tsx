import { Field, makeStyles, Radio, RadioGroup, Spinner, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback, useState } from "react";
import { useSearchParams } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import type { ResourceGroup, Subscription } from "../../api/types";
import { ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { CommandLine } from "../shared/CommandLine";
import { NoSubscription } from "../shared/NoSubscription";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";
import { useSubscriptions } from "../shared/useSubscriptions";
import { Arrivals } from "./Arrivals";
import { ScriptCard } from "./ScriptCard";
import { TokenCard } from "./TokenCard";
import { WishesForm } from "./WishesForm";
import { NOTHING, type Wishes } from "./wishes";

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalL },
  text: { margin: 0 },
});

/** `?way=token` begins with the token. */
export default function AddPage(): ReactNode {
  const { data, error, loading, refresh } = useSubscriptions();
  return (
    <>
      <PageHeader title={t("onboard.title")} subtitle={t("onboard.intro")} />
      {loading && <Spinner label={t("common.loading")} />}
      {!data && error !== undefined && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && (data.length === 0 ? <NoSubscription /> : <Ways subscriptions={data} />)}
    </>
  );
}

function Ways({ subscriptions }: { subscriptions: readonly Subscription[] }): ReactNode {
  const styles = useStyles();
  const wanted = subscriptions.map((each) => each.id).join(" ");
  const load = useCallback((signal: AbortSignal) => groupsOf(wanted.split(" "), signal), [wanted]);
  const groups = usePoll(load, 0);
  const [wishes, setWishes] = useState(NOTHING);
  const [address, setAddress] = useSearchParams();
  // Of its own: the router takes its time, and a choice has to be seen at once.
  const [token, setToken] = useState(address.get("way") === "token");
  const group = wishes.group || (groups.data?.[0]?.id ?? "");
  const may = useRights(group ? [group] : []);
  const why =
    !group || may(group, "writeMachine") ? undefined : t("onboard.whyRight", { action: RIGHTS.writeMachine });
  const change = (part: Partial<Wishes>): void => setWishes((now) => ({ ...now, ...part }));

  if (groups.loading) return <Spinner label={t("common.loading")} />;
  if (!groups.data) return <ErrorView error={groups.error} onRetry={() => void groups.refresh()} />;
  if (!group) {
    return (
      <Card title={t("onboard.where")}>
        <p className={styles.text}>{t("onboard.noGroup")}</p>
        <CommandLine command="oob up" />
      </Card>
    );
  }
  const own = groups.data.find((each) => each.id === group)?.location ?? "";
  const whole = { ...wishes, group, location: wishes.location || own };
  return (
    <div className={styles.root}>
      <Card title={t("onboard.way")}>
        <Field>
          <RadioGroup
            aria-label={t("onboard.way")}
            value={token ? "token" : "signIn"}
            onChange={(_, data) => {
              setToken(data.value === "token");
              setAddress(data.value === "token" ? { way: "token" } : {}, { replace: true });
            }}
          >
            <Radio value="signIn" label={t("onboard.waySignIn")} />
            <Radio value="token" label={t("onboard.wayToken")} />
          </RadioGroup>
        </Field>
      </Card>
      {token ? (
        <TokenCard groups={groups.data} group={group} why={why} onGroup={(id) => change({ group: id })} />
      ) : (
        <>
          <WishesForm
            wishes={whole}
            groups={groups.data}
            subscriptions={subscriptions}
            why={why}
            onChange={change}
          />
          <ScriptCard wishes={whole} />
        </>
      )}
      <Arrivals group={group} />
    </div>
  );
}

async function groupsOf(subscriptions: readonly string[], signal: AbortSignal): Promise<ResourceGroup[]> {
  const lists = subscriptions.map((id) =>
    arm.list<ResourceGroup>(`${id}/resourceGroups`, { version: VERSIONS.resources, signal }),
  );
  return (await Promise.all(lists)).flat();
}
