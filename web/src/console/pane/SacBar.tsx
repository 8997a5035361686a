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
import { SAC } from "../sac/channels";
import { COMMANDS, showChannel, typedFor } from "../sac/commands";
import type { Seat } from "../seat";

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    flexShrink: 0,
    columnGap: tokens.spacingHorizontalXS,
    paddingInline: tokens.spacingHorizontalS,
    backgroundColor: tokens.colorNeutralBackground2,
  },
  form: { fontFamily: tokens.fontFamilyMonospace },
});

/** Where Windows' Special Administration Console has the port: its channels as tabs, and its commands. */
export function SacBar({ seat }: { seat: Seat }): ReactNode {
  const styles = useStyles();
  const { list, current, loggedOut } = useStore(seat.channels);
  const windows = useStore(seat.windows);
  const { status } = useStore(seat.connection.store);
  const lacking = status.kind !== "attached" || status.mode !== "write";
  useEffect(() => {
    if (loggedOut > 0) seat.say(t("console.sacLoggedOut"));
  }, [seat, loggedOut]);
  if (!windows) return null;
  const shown = list.find((each) => each.name === current);
  return (
    <section className={styles.root} aria-label={t("console.sacBar")}>
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
      <Menu>
        <MenuTrigger disableButtonEnhancement>
          <Button size="small" appearance="subtle" disabled={lacking}>
            {t("console.sacCommands")}
          </Button>
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            {COMMANDS.map((command) => {
              const form = "form" in command ? ` ${command.form}` : "";
              const ends = "ends" in command;
              return [
                command.text === "sac_restart" && <MenuDivider key="ends" />,
                <MenuItem
                  key={command.text}
                  subText={`${t(`console.${command.text}`)}${form || ends ? ` ${t("console.sacEnter")}` : ""}`}
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
