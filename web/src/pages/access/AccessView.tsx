import { Button, makeStyles, Spinner, Text, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { ArrowClockwiseRegular, PersonAddRegular } from "@fluentui/react-icons";
import { type ReactNode, useMemo, useState } from "react";
import { useAuth } from "../../auth";
import { Confirm, ErrorView } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { GuardedButton } from "../shared/GuardedButton";
import { PollState } from "../shared/PollState";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";
import { useSubscriptions } from "../shared/useSubscriptions";
import { AddRole, type ScopeChoice } from "./AddRole";
import { take } from "./change";
import { GrantTable } from "./GrantTable";
import { byLevel, type Grant, warningsFor } from "./grants";
import { useAccess } from "./useAccess";
import { levelWords, nameFor, roleName, scopeWords } from "./words";

interface Props {
  scope: string;
  /** Where a new role may hold, the nearest first. */
  choices: readonly ScopeChoice[];
}

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalL },
  bar: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalS },
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
});

/** Who has which role at a scope, where it comes from, and giving and taking them. */
export function AccessView({ scope, choices }: Props): ReactNode {
  const styles = useStyles();
  const restore = useRestoreFocusTarget();
  const me = useAuth().user.objectId;
  const polled = useAccess(scope);
  const { data, error, loading, refresh } = polled;
  const subscriptions = useSubscriptions().data;
  const names = useMemo(
    () => new Map(subscriptions?.map((each) => [each.subscriptionId, each.displayName])),
    [subscriptions],
  );
  const [adding, setAdding] = useState(false);
  const [leaving, setLeaving] = useState<Grant>();
  const scopes = [
    ...new Set([
      scope,
      ...choices.map((each) => each.scope),
      ...(data?.grants ?? []).map((each) => each.scope),
    ]),
  ];
  const may = useRights(scopes);
  const mayAdd = choices.some((choice) => may(choice.scope, "assign"));

  const loses: string[] = [];
  const name = leaving && data ? nameFor(data, leaving.principal) : "";
  const role = leaving && data ? roleName(data, leaving) : "";
  if (leaving && data) {
    const { self, lastOwner } = warningsFor(leaving, data.grants, me);
    loses.push(t("access.removeLoss", { name, scope: scopeWords(leaving.scope, names) }));
    if (self) loses.push(t("access.removeSelf"));
    if (lastOwner) loses.push(t("access.removeLastOwner"));
  }

  const groups = data ? byLevel(data.grants) : [];
  const nobodyHere = groups.length > 0 && groups[0]?.level !== "here";
  return (
    <div className={styles.root}>
      <div className={styles.bar}>
        <GuardedButton
          {...restore}
          appearance="primary"
          icon={<PersonAddRegular />}
          why={mayAdd ? undefined : t("access.whyRight", { action: RIGHTS.assign })}
          onClick={() => setAdding(true)}
        >
          {t("access.add")}
        </GuardedButton>
        <Button appearance="subtle" icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
          {t("common.refresh")}
        </Button>
        <PollState polled={polled} />
      </div>
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {nobodyHere && <p className={styles.text}>{t("access.nobodyHere")}</p>}
      {data &&
        groups.map(({ level, grants }) => (
          <Card key={level} title={levelWords(level, grants[0]?.scope ?? "", names)}>
            <GrantTable
              label={levelWords(level, grants[0]?.scope ?? "", names)}
              grants={grants}
              access={data}
              me={me}
              mayRemove={(grant) => may(grant.scope, "unassign")}
              onRemove={setLeaving}
            />
          </Card>
        ))}
      {data && groups.length === 0 && <Text>{t("access.nobody")}</Text>}
      <AddRole
        open={adding}
        roles={[...(data?.roles.values() ?? [])]}
        choices={choices.filter((choice) => may(choice.scope, "assign"))}
        onAdded={() => void refresh()}
        onClose={() => setAdding(false)}
      />
      <Confirm
        open={leaving !== undefined}
        title={t("access.removeTitle", { role, name })}
        loses={loses}
        confirm={t("access.remove")}
        onConfirm={async () => {
          if (leaving) await take(leaving, name, role);
          void refresh();
        }}
        onClose={() => setLeaving(undefined)}
      />
    </div>
  );
}
