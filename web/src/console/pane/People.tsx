import {
  Button,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { EyeRegular, KeyboardRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { useStore } from "../../store";
import { clockTime, list, t } from "../../text";
import { clientWord } from "../clientWord";
import type { Seat } from "../seat";
import type { Person } from "../snapshot";
import { heirsOf } from "./keyboard";

const useStyles = makeStyles({
  button: {
    minWidth: 0,
    paddingInline: tokens.spacingHorizontalXS,
    fontWeight: tokens.fontWeightRegular,
    overflow: "hidden",
    textOverflow: "ellipsis",
    whiteSpace: "nowrap",
    justifyContent: "start",
    // The brand's colour is too pale on this bar.
    ":hover": { color: tokens.colorNeutralForeground1 },
    ":hover:active": { color: tokens.colorNeutralForeground1 },
  },
});

/** Who is at this console: since when, typing or watching, with what; and for the writer, whom to give the keyboard to. */
export function People({ seat }: { seat: Seat }): ReactNode {
  const styles = useStyles();
  const snapshot = useStore(seat.connection.store);
  const { people, others, me, asking } = snapshot;
  if (others.length === 0) return null;
  const heirs = heirsOf(snapshot);
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement>
        <Button
          className={styles.button}
          size="small"
          appearance="transparent"
          title={t("console.alsoHereHint")}
        >
          {t("console.alsoHere", { names: list(others) })}
        </Button>
      </MenuTrigger>
      <MenuPopover>
        <MenuList aria-label={t("console.people")}>
          {people.map((each) => (
            <MenuItem
              key={each.session}
              icon={each.mode === "write" ? <KeyboardRegular /> : <EyeRegular />}
              subText={saysOf(each, asking.includes(each.session))}
              disabled={!heirs.includes(each)}
              onClick={() => seat.wish("hand", each.session)}
            >
              {labelOf(each, each.session === me, heirs.includes(each))}
            </MenuItem>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

function labelOf({ name }: Person, isMe: boolean, isHeir: boolean): string {
  if (isMe) return t("console.personYou", { name });
  return isHeir ? t("console.handTo", { who: name }) : name;
}

function saysOf({ mode, since, client }: Person, asks: boolean): string {
  const does =
    mode === "write" ? "console.personTypes" : asks ? "console.personAsks" : "console.personWatches";
  const values = { since: since ? clockTime(since) : "?", client: clientWord(client) || "?" };
  return t(does, values);
}
