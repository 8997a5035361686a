import { makeStyles, Spinner } from "@fluentui/react-components";
import { type ReactNode, useCallback } from "react";
import type { User } from "../../api/types";
import { Confirm, ErrorView, usePoll } from "../../components";
import { list, t } from "../../text";
import { scopeWords } from "../access/words";
import { groupsOf, holdingsOf } from "../identity/holdings";
import { loadSignIns } from "../sessions/signIns";
import { useSubscriptions } from "../shared/useSubscriptions";
import { type Made, removeUser, resetPassword, setEnabled } from "./directory";

/** What is asked about before it is done. */
export type Deed = "reset" | "disable" | "enable" | "remove";

export interface Asked {
  deed: Deed;
  user: User;
}

interface Props {
  asked: Asked | undefined;
  /** It was done; a new password is in `made`. */
  onDone: (asked: Asked, made: Made | undefined) => void;
  onClose: () => void;
}

const useStyles = makeStyles({ list: { margin: 0 } });

/** Asks before something is done to an account, and does it. */
export function UserQuestion({ asked, onDone, onClose }: Props): ReactNode {
  const name = asked?.user.userPrincipalName ?? "";
  const deed = asked?.deed ?? "reset";
  const loses: Readonly<Record<Deed, readonly string[]>> = {
    reset: [t("users.resetLoss1"), t("users.resetLoss2")],
    disable: [t("users.disableLoss1"), t("users.disableLoss2")],
    enable: [t("users.enableLoss")],
    remove: [t("users.removeLoss1"), t("users.removeLoss2")],
  };

  async function act({ deed, user }: Asked): Promise<Made | undefined> {
    if (deed === "reset") return resetPassword(user);
    if (deed === "remove") await removeUser(user);
    else await setEnabled(user, deed === "enable");
    return undefined;
  }

  return (
    <Confirm
      open={asked !== undefined}
      title={t(`users.${deed}Title`, { name })}
      confirm={t(`users.${deed}`)}
      loses={loses[deed]}
      onConfirm={async () => asked && onDone(asked, await act(asked))}
      onClose={onClose}
    >
      {asked?.deed === "remove" && <Lost user={asked.user} />}
    </Confirm>
  );
}

/** What goes with an account, by name. */
function Lost({ user }: { user: User }): ReactNode {
  const styles = useStyles();
  const load = useCallback((signal: AbortSignal) => lostWith(user, signal), [user]);
  const { data, error, loading } = usePoll(load, 0);
  const subscriptions = useSubscriptions().data;
  const names = new Map(subscriptions?.map((each) => [each.subscriptionId, each.displayName]));
  if (loading) return <Spinner size="tiny" label={t("users.removeLooking")} />;
  if (!data) return <ErrorView error={error} />;
  const roles = data.roles.map(({ role, scope }) =>
    t("users.removeRole", { role, scope: scopeWords(scope, names) }),
  );
  const none = t("common.none");
  return (
    <p className={styles.list}>
      {t("users.removeWith", {
        roles: list(roles) || none,
        groups: list(data.groups) || none,
        count: data.signIns,
      })}
    </p>
  );
}

async function lostWith(
  user: User,
  signal: AbortSignal,
): Promise<{ roles: { role: string; scope: string }[]; groups: string[]; signIns: number }> {
  const [held, groups, signIns] = await Promise.all([
    holdingsOf(user.id, signal),
    groupsOf(user.id, signal),
    loadSignIns(user.userPrincipalName, signal),
  ]);
  return {
    roles: held.own.map(({ role, scope }) => ({ role: held.roles.get(role)?.name ?? role, scope })),
    groups: groups.map((group) => group.name),
    signIns: signIns.length,
  };
}
