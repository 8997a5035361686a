/** What a person can do about the keyboard now, and why not: the same for the toolbar and the menu of keys. */

import type { May } from "../../pages/shared/useRights";
import { t } from "../../text";
import type { Seat } from "../seat";
import type { Person, Snapshot } from "../snapshot";
import type { Choice } from "./KeyMenu";
import { whyNot } from "./tools";

export interface Keyboard {
  /** Somebody else has it. */
  readonly held: boolean;
  /** This session asks for it. */
  readonly asks: boolean;
  readonly whyAsk: string | undefined;
  readonly whyTake: string | undefined;
}

export function keyboardOf(seat: Seat, { writer, asking, me }: Snapshot, may: May): Keyboard {
  const { id } = seat.machine;
  const held = writer !== null;
  const whyAsk = whyNot(may, id, "type", "connect");
  return {
    held,
    asks: me !== null && asking.includes(me),
    whyAsk,
    whyTake: whyAsk ?? (held ? whyNot(may, id, "takeOver", "connect") : undefined),
  };
}

/** Whom the writer can give the keyboard to. */
export function heirsOf({ status, people, me }: Snapshot): readonly Person[] {
  const types = status.kind === "attached" && status.mode === "write";
  return types ? people.filter((each) => each.session !== me) : [];
}

/** Who asks the writer, the longest first; nobody where this session is not he. */
export function askersOf({ status, people, asking }: Snapshot): readonly Person[] {
  if (status.kind !== "attached" || status.mode !== "write") return [];
  return asking.flatMap((session) => people.filter((each) => each.session === session));
}

/** The part of the menu of keys that is about the keyboard, with the letters of `oob console`. */
export function keyboardChoices(seat: Seat, snapshot: Snapshot, may: May): readonly Choice[] {
  const [asker] = askersOf(snapshot);
  if (asker) {
    const { name: who, session } = asker;
    return [
      { letter: "y", label: t("console.allowWho", { who }), run: () => seat.wish("allow", session) },
      { letter: "d", label: t("console.declineWho", { who }), run: () => seat.wish("decline", session) },
      { letter: "g", label: t("console.giveBack"), run: () => seat.wish("release") },
    ];
  }
  if (snapshot.status.kind === "attached" && snapshot.status.mode === "write") {
    const [heir] = heirsOf(snapshot);
    return [
      ...(heir
        ? [
            {
              letter: "h",
              label: t("console.handTo", { who: heir.name }),
              run: () => seat.wish("hand", heir.session),
            },
          ]
        : []),
      { letter: "g", label: t("console.giveBack"), run: () => seat.wish("release") },
    ];
  }
  const { asks, held, whyAsk, whyTake } = keyboardOf(seat, snapshot, may);
  return [
    ...(held
      ? [
          {
            letter: "a",
            label: t(asks ? "console.askNoMore" : "console.ask"),
            run: () => seat.wish(asks ? "release" : "ask"),
            why: whyAsk,
          },
        ]
      : []),
    { letter: "w", label: t("console.take"), run: () => seat.wish("write"), why: whyTake },
  ];
}
