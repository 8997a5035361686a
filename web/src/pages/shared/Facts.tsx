import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { CopyButton } from "../../components";
import { t } from "../../text";

export interface Fact {
  name: string;
  value: ReactNode;
  /** Text to offer for copying. */
  copy?: string | undefined;
  /** Takes the room of two: for ids. */
  long?: boolean;
}

const useStyles = makeStyles({
  root: {
    display: "grid",
    gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 10.5rem), 1fr))",
    gap: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
    margin: 0,
  },
  long: { gridColumnEnd: "span 2", "@media (max-width: 479px)": { gridColumnEnd: "auto" } },
  name: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  value: {
    display: "flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalXS,
    minHeight: "24px",
    margin: 0,
    overflowWrap: "anywhere",
  },
});

/** Names and values. */
export function Facts({ facts }: { facts: readonly Fact[] }): ReactNode {
  const styles = useStyles();
  return (
    <dl className={styles.root}>
      {facts.map(({ name, value, copy, long }) => (
        <div key={name} className={long ? styles.long : undefined}>
          <dt className={styles.name}>{name}</dt>
          <dd className={styles.value}>
            {value}
            {copy !== undefined && (
              <CopyButton text={copy} label={t("vm.copyValue", { what: name })} iconOnly size="small" />
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
