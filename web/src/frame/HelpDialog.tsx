import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { Fragment, type ReactNode } from "react";
import { useAuth } from "../auth";
import { t } from "../text";

interface Shortcut {
  /** Each is one way; keys of one are pressed together. */
  ways: readonly (readonly string[])[];
  what: string;
}

function shortcuts(): readonly Shortcut[] {
  return [
    { ways: [["Ctrl", "K"], ["/"]], what: t("frame.keySearch") },
    { ways: [["?"]], what: t("frame.keyHelp") },
    { ways: [["Esc"]], what: t("frame.keyEscape") },
    { ways: [t("console.keyLeave").split("+")], what: t("frame.keyLeaveConsole") },
    { ways: [t("console.keyMenu").split("+")], what: t("frame.keyMenuConsole") },
  ];
}

const useStyles = makeStyles({
  content: { display: "grid", rowGap: tokens.spacingVerticalM },
  table: { borderCollapse: "collapse", "& td": { paddingBlock: tokens.spacingVerticalXS } },
  keys: { whiteSpace: "nowrap", paddingInlineEnd: tokens.spacingHorizontalXL },
  key: {
    display: "inline-block",
    padding: `0 ${tokens.spacingHorizontalSNudge}`,
    marginInlineEnd: tokens.spacingHorizontalXS,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusSmall,
    backgroundColor: tokens.colorNeutralBackground3,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
  },
  text: { margin: 0 },
  quiet: { margin: 0, color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
});

export default function HelpDialog({ onClose }: { onClose: () => void }): ReactNode {
  const styles = useStyles();
  const { config } = useAuth();
  return (
    <Dialog open onOpenChange={(_, change) => !change.open && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t("frame.helpTitle")}</DialogTitle>
          <DialogContent className={styles.content}>
            <table className={styles.table}>
              <tbody>
                {shortcuts().map(({ ways, what }) => (
                  <tr key={what}>
                    <td className={styles.keys}>
                      {ways.map((keys, index) => (
                        <Fragment key={keys.join("+")}>
                          {index > 0 && ` ${t("frame.or")} `}
                          {keys.map((key) => (
                            <kbd key={key} className={styles.key}>
                              {key}
                            </kbd>
                          ))}
                        </Fragment>
                      ))}
                    </td>
                    <td>{what}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            <p className={styles.text}>{t("frame.helpCodes")}</p>
            <p className={styles.text}>{t("frame.helpTerminal")}</p>
            <p className={styles.quiet}>{t("frame.version", { version: config.version })}</p>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              {t("common.close")}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
