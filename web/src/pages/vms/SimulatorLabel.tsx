import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { t } from "../../text";

const useStyles = makeStyles({
  root: {
    display: "inline-block",
    marginInlineStart: tokens.spacingHorizontalXS,
    paddingInline: tokens.spacingHorizontalXS,
    border: `1px solid ${tokens.colorNeutralStrokeAccessible}`,
    borderRadius: tokens.borderRadiusSmall,
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightRegular,
    lineHeight: tokens.lineHeightBase200,
    color: tokens.colorNeutralForeground2,
    whiteSpace: "nowrap",
  },
});

/** Beside the name of a machine that only plays another one. */
export function SimulatorLabel(): ReactNode {
  const styles = useStyles();
  return (
    <span className={styles.root} title={t("vms.simulatorHint")}>
      {t("vms.simulator")}
    </span>
  );
}
