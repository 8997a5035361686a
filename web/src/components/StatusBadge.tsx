import { makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import {
  CheckmarkCircleFilled,
  CircleOffRegular,
  ErrorCircleFilled,
  QuestionCircleRegular,
  WarningFilled,
} from "@fluentui/react-icons";
import type { ReactNode } from "react";

export type Tone = "good" | "busy" | "off" | "warning" | "bad" | "unknown";

interface Props {
  tone: Tone;
  /** The word; colour and shape only support it. */
  children: ReactNode;
  /** More words, for a tooltip. */
  title?: string | undefined;
}

const useStyles = makeStyles({
  root: {
    display: "inline-flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalXS,
    whiteSpace: "nowrap",
  },
  icon: { display: "inline-flex", flexShrink: 0, fontSize: "1rem" },
  good: { color: tokens.colorPaletteGreenForeground1 },
  busy: {},
  off: { color: tokens.colorNeutralForeground3 },
  warning: { color: tokens.colorPaletteDarkOrangeForeground1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  unknown: { color: tokens.colorNeutralForeground3 },
});

const ICONS: Readonly<Record<Tone, ReactNode>> = {
  good: <CheckmarkCircleFilled />,
  busy: <Spinner size="extra-tiny" aria-hidden />,
  off: <CircleOffRegular />,
  warning: <WarningFilled />,
  bad: <ErrorCircleFilled />,
  unknown: <QuestionCircleRegular />,
};

/** A state in one word, with a shape and a colour of its own. */
export function StatusBadge({ tone, children, title }: Props): ReactNode {
  const styles = useStyles();
  return (
    <span className={styles.root} title={title}>
      <span className={mergeClasses(styles.icon, styles[tone])} aria-hidden>
        {ICONS[tone]}
      </span>
      {children}
    </span>
  );
}
