import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { CopyButton } from "../../components";
import { t } from "../../text";

const useStyles = makeStyles({
  root: {
    display: "flex",
    alignItems: "center",
    justifyContent: "space-between",
    columnGap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
    paddingInlineStart: tokens.spacingHorizontalM,
    backgroundColor: tokens.colorNeutralBackground3,
    borderRadius: tokens.borderRadiusMedium,
  },
  command: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    overflowWrap: "anywhere",
    whiteSpace: "pre-wrap",
    textAlign: "start",
  },
});

/** A command for a terminal, to copy. */
export function CommandLine({ command }: { command: string }): ReactNode {
  const styles = useStyles();
  return (
    <div className={styles.root}>
      <code className={styles.command}>{command}</code>
      <CopyButton text={command} label={t("common.copy")} iconOnly size="small" />
    </div>
  );
}
