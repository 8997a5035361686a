import { makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { AddRegular, DeleteRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useMemo, useState } from "react";
import { Link } from "react-router";
import { Confirm, ErrorView, usePoll } from "../../components";
import { t } from "../../text";
import { AddRole } from "../access/AddRole";
import { give, take } from "../access/change";
import type { Person } from "../access/directory";
import type { Grant } from "../access/grants";
import { nameFor, roleName, scopeWords } from "../access/words";
import { Card } from "../shared/Card";
import { GuardedButton } from "../shared/GuardedButton";
import { PollState } from "../shared/PollState";
import { RIGHTS } from "../shared/rights";
import { useTableStyles } from "../shared/tableStyles";
import { type Undoable, UndoBar } from "../shared/UndoBar";
import { useRights } from "../shared/useRights";
import { useSubscriptions } from "../shared/useSubscriptions";
import { type Holdings, holdingsOf } from "./holdings";

const SECONDS = 30;

const useStyles = makeStyles({
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
});

/** What a user, a group or a client may do, and where. */
export function RolesCard({ who }: { who: Person }): ReactNode {
  const styles = useStyles();
  const load = useCallback((signal: AbortSignal) => holdingsOf(who.id, signal), [who.id]);
  const polled = usePoll(load, SECONDS);
  const { data, error, loading, refresh } = polled;
  const subscriptions = useSubscriptions().data;
  const names = useMemo(
    () => new Map(subscriptions?.map((each) => [each.subscriptionId, each.displayName])),
    [subscriptions],
  );
  const choices = [
    { scope: "/", label: t("access.addScopeWhole") },
    ...(subscriptions ?? []).map((each) => ({
      scope: each.id,
      label: t("access.addScopeSubscription", { name: each.displayName }),
    })),
  ];
  const may = useRights([
    ...choices.map((choice) => choice.scope),
    ...(data?.own ?? []).map((grant) => grant.scope),
  ]);
  const [adding, setAdding] = useState(false);
  const [leaving, setLeaving] = useState<Grant>();
  const [done, setDone] = useState<Undoable>();
  const role = leaving && data ? roleName(data, leaving) : "";

  async function remove(grant: Grant, from: Holdings): Promise<void> {
    await take(grant, who.name, role);
    const again = from.roles.get(grant.role);
    if (again) {
      setDone({
        text: t("identity.roleRemoved", { role, name: who.name }),
        undo: async () => {
          await give(again, who, grant.scope);
          void refresh();
        },
      });
    }
    void refresh();
  }

  return (
    <Card
      title={t("identity.roles")}
      note={<PollState polled={polled} />}
      actions={
        <GuardedButton
          icon={<AddRegular />}
          why={
            choices.some((choice) => may(choice.scope, "assign"))
              ? undefined
              : t("access.whyRight", { action: RIGHTS.assign })
          }
          onClick={() => setAdding(true)}
        >
          {t("access.add")}
        </GuardedButton>
      }
    >
      <UndoBar done={done} onClose={() => setDone(undefined)} />
      {loading && <Spinner size="small" label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && data.grants.length === 0 && <p className={styles.text}>{t("identity.noRoles")}</p>}
      {data && data.grants.length > 0 && (
        <Table
          holdings={data}
          names={names}
          who={who}
          mayRemove={(grant) => may(grant.scope, "unassign")}
          onRemove={setLeaving}
        />
      )}
      <AddRole
        open={adding}
        who={who}
        roles={[...(data?.roles.values() ?? [])]}
        choices={choices.filter((choice) => may(choice.scope, "assign"))}
        onAdded={() => void refresh()}
        onClose={() => setAdding(false)}
      />
      <Confirm
        open={leaving !== undefined}
        title={t("access.removeTitle", { role, name: who.name })}
        loses={
          leaving ? [t("access.removeLoss", { name: who.name, scope: scopeWords(leaving.scope, names) })] : []
        }
        confirm={t("access.remove")}
        onConfirm={() => leaving && data && remove(leaving, data)}
        onClose={() => setLeaving(undefined)}
      />
    </Card>
  );
}

interface TableProps {
  holdings: Holdings;
  names: ReadonlyMap<string, string>;
  who: Person;
  mayRemove: (grant: Grant) => boolean;
  onRemove: (grant: Grant) => void;
}

function Table({ holdings, names, who, mayRemove, onRemove }: TableProps): ReactNode {
  const table = useTableStyles();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("identity.roles")}>
        <thead>
          <tr>
            <th scope="col" className={table.head}>
              {t("access.role")}
            </th>
            <th scope="col" className={table.head}>
              {t("access.addScope")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("identity.from")}
            </th>
            <th scope="col" className={table.head}>
              <span className={table.hidden}>{t("access.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {[...holdings.own, ...holdings.byGroup].map((grant) => {
            const own = grant.principal === who.id;
            const role = roleName(holdings, grant);
            return (
              <tr key={grant.id} className={table.row}>
                <th scope="row" className={mergeClasses(table.cell, table.name)}>
                  {role}
                  {!own && <span className={table.instead}>{viaWords(holdings, grant)}</span>}
                </th>
                <td className={mergeClasses(table.cell, table.name)}>{scopeWords(grant.scope, names)}</td>
                <td className={mergeClasses(table.cell, table.wide)}>
                  {own ? (
                    t("identity.given")
                  ) : (
                    <Link className={table.link} to={`/identity/groups/${grant.principal}`}>
                      {nameFor(holdings, grant.principal)}
                    </Link>
                  )}
                </td>
                <td className={mergeClasses(table.cell, table.narrow)}>
                  <GuardedButton
                    appearance="subtle"
                    icon={<DeleteRegular />}
                    aria-label={t("access.removeFor", { role, name: who.name })}
                    title={t("access.remove")}
                    why={whyNot(own, mayRemove(grant))}
                    onClick={() => onRemove(grant)}
                  />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function viaWords(holdings: Holdings, grant: Grant): string {
  return t("identity.byGroup", { name: nameFor(holdings, grant.principal) });
}

function whyNot(own: boolean, may: boolean): string | undefined {
  if (!own) return t("identity.whyGroup");
  return may ? undefined : t("access.whyRight", { action: RIGHTS.unassign });
}
