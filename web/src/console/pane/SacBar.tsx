import {
  Button,
  Menu,
  MenuDivider,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  makeStyles,
  Tab,
  TabList,
  tokens,
} from "@fluentui/react-components";
import { AddRegular, ArrowSyncRegular, DismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useEffect } from "react";
import { useStore } from "../../store";
import { t } from "../../text";
import type { PortState } from "../portStates";
import { SAC } from "../sac/channels";
import { COMMANDS, showChannel, typedFor } from "../sac/commands";
import type { Seat } from "../seat";

/** Windows uses the port, and no SAC reads it. */
const NOBODY_READS: ReadonlySet<string> = new Set<PortState>([
  "healthReport",
  "kernelDebugger",
  "bootManager",
]);
/** What `!SAC>` has left where Windows has stopped; it has no channels. */
const AT_FAILED: ReadonlySet<string> = new Set([
  "sac_help",
  "sac_d",
  "sac_id",
  "sac_restart",
  "sac_shutdown",
]);
const SETTLED_MS = 400;

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    flexShrink: 0,
    columnGap: tokens.spacingHorizontalXS,
    paddingInline: tokens.spacingHorizontalS,
    backgroundColor: tokens.colorNeutralBackground2,
    "& > *": { flexShrink: 0, whiteSpace: "nowrap" },
    // One line that is scrolled sideways: on a phone the terminal needs every line there is.
    "@container (max-width: 640px)": { flexWrap: "nowrap", overflowX: "auto" },
  },
  form: { fontFamily: tokens.fontFamilyMonospace },
});

/** Where Windows' Special Administration Console has the port: its channels as tabs, and its commands. */
export function SacBar({ seat }: { seat: Seat }): ReactNode {
  const styles = useStyles();
  const { list, current, loggedOut } = useStore(seat.channels);
  const windows = useStore(seat.windows);
  const { status, shows } = useStore(seat.connection.store);
  const lacking = status.kind !== "attached" || status.mode !== "write";
  useEffect(() => {
    if (!loggedOut) return;
    // A channel that is drawn again may show an old log-out in passing.
    const timer = setTimeout(() => seat.say(t("console.sacLoggedOut")), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [seat, loggedOut]);
  if (!windows || (shows !== null && NOBODY_READS.has(shows))) return null;
  const failed = shows === "sacFailed";
  const shown = list.find((each) => each.name === current);
  return (
    <section className={styles.root} aria-label={t("console.sacBar")}>
      {!failed && (
        <>
          <TabList
            size="small"
            aria-label={t("console.sacChannels")}
            disabled={lacking}
            selectTabOnFocus={false}
            selectedValue={shown?.number ?? null}
            onTabSelect={(_, { value }) => seat.atSacPrompt(showChannel(Number(value)))}
          >
            {list.map(({ number, name }) => (
              <Tab key={number} value={number}>
                {name}
              </Tab>
            ))}
          </TabList>
          <Button
            size="small"
            appearance="subtle"
            icon={<AddRegular />}
            disabled={lacking}
            onClick={() => seat.atSacPrompt("cmd\r")}
          >
            {t("console.sacOpen")}
          </Button>
          {shown && shown.name !== SAC && (
            <Button
              size="small"
              appearance="subtle"
              icon={<DismissRegular />}
              disabled={lacking}
              onClick={() => seat.atSacPrompt(`ch -ci ${shown.number}\r`)}
            >
              {t("console.sacClose", { name: shown.name })}
            </Button>
          )}
          <Button
            size="small"
            appearance="subtle"
            icon={<ArrowSyncRegular />}
            disabled={lacking}
            onClick={() => seat.atSacPrompt("ch\r")}
          >
            {t("console.sacList")}
          </Button>
        </>
      )}
      <Menu>
        <MenuTrigger disableButtonEnhancement>
          <Button size="small" appearance="subtle" disabled={lacking}>
            {t("console.sacCommands")}
          </Button>
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            {COMMANDS.filter((each) => !failed || AT_FAILED.has(each.text)).map((command) => {
              const form = "form" in command ? ` ${command.form}` : "";
              const ends = "ends" in command;
              return [
                command.text === "sac_restart" && <MenuDivider key="ends" />,
                <MenuItem
                  key={command.text}
                  subText={`${t(`console.${command.text}`)}${form || ends ? `. ${t("console.sacEnter")}` : ""}`}
                  onClick={() => seat.atSacPrompt(typedFor(command))}
                >
                  <span className={styles.form}>{command.name + form}</span>
                </MenuItem>,
              ];
            })}
          </MenuList>
        </MenuPopover>
      </Menu>
    </section>
  );
}
