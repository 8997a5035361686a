/** What the signed-in person may do at a scope: for buttons that say beforehand why they cannot be pressed. */

import { useCallback, useEffect } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { Permission } from "../../api/types";
import { createStore, useStore } from "../../store";
import { t } from "../../text";
import { onEach } from "./bulk";
import { keyOf } from "./resourceId";
import { actionOn, allows, RIGHTS, type Right } from "./rights";

/** How long an answer holds, in milliseconds: roles change seldom, and the control plane has the last word anyway. */
const HOLDS = 60_000;

interface Known {
  /** Undefined when the control plane did not say; nothing is forbidden then. */
  permissions: readonly Permission[] | undefined;
  until: number;
  /** The round in which it was asked. */
  turn: number;
}

const book = createStore<ReadonlyMap<string, Known>>(new Map());

/** Grows when roles have changed: what is known is asked for anew, and holds until the answer is there. */
const round = createStore(0);

/** `about`: what something is done to, when `scope` is above it. */
export type May = (scope: string, right: Right, about?: string) => boolean;

/** Whether a right is held at one of `scopes`. What is not known is taken for granted: the control plane may still refuse. */
export function useRights(scopes: readonly string[]): May {
  const known = useStore(book);
  const turn = useStore(round);
  const wanted = scopes.map(keyOf).join("\n");

  useEffect(() => {
    const end = new AbortController();
    const missing = wanted.split("\n").filter((scope) => scope && !isFresh(scope, turn));
    void onEach(missing, (scope) => load(scope, end.signal));
    return () => end.abort();
  }, [wanted, turn]);

  return useCallback(
    (scope, right, about = scope) => {
      const permissions = known.get(keyOf(scope))?.permissions;
      return permissions === undefined || allows(permissions, actionOn(about, right));
    },
    [known],
  );
}

/** For what is better not tried: undefined until it is known, true when the control plane did not say. */
export function useRight(scope: string, right: Right): boolean | undefined {
  const may = useRights([scope]);
  return useStore(book).has(keyOf(scope)) ? may(scope, right) : undefined;
}

/** Any of these opens the identity pages. */
const OF_IDENTITY: readonly Right[] = ["readDirectory", "writeUsers", "writeGroups", "writeClients"];

/** Whether there is something for the person on the identity pages; undefined until it is known. */
export function useIdentityRight(): boolean | undefined {
  const may = useRights(["/"]);
  return useStore(book).has("/") ? OF_IDENTITY.some((right) => may("/", right)) : undefined;
}

/** Why something of the whole control plane cannot be done; it can when undefined. */
export function useWhyNot(right: Right): string | undefined {
  const may = useRights(["/"]);
  return may("/", right) ? undefined : t("identity.whyRight", { action: RIGHTS[right] });
}

/** After a change of roles. */
export function forgetRights(): void {
  round.update((turn) => turn + 1);
}

function isFresh(scope: string, turn: number): boolean {
  const found = book.get().get(scope);
  return found !== undefined && found.turn === turn && found.until > Date.now();
}

async function load(scope: string, signal: AbortSignal): Promise<void> {
  const path = `${scope === "/" ? "" : scope}/providers/Microsoft.Authorization/permissions`;
  const turn = round.get();
  let permissions: Permission[] | undefined;
  try {
    permissions = await arm.list<Permission>(path, { version: VERSIONS.authorization, signal });
  } catch {
    // Whoever may not even ask finds out from the refusal of what they try.
    if (signal.aborted) return;
  }
  book.update((known) => new Map(known).set(scope, { permissions, until: Date.now() + HOLDS, turn }));
}
