import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { list, t } from "../../text";

interface Props {
  /** `name=value` each. */
  tags: readonly string[];
  /** As many as are shown; the others are counted. */
  most?: number;
}

const useStyles = makeStyles({
  root: { display: "inline-flex", flexWrap: "wrap", gap: tokens.spacingHorizontalXS, minWidth: 0 },
  tag: {
    paddingInline: tokens.spacingHorizontalXS,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusSmall,
    fontSize: tokens.fontSizeBase200,
    lineHeight: tokens.lineHeightBase200,
    color: tokens.colorNeutralForeground2,
    overflowWrap: "anywhere",
  },
});

export function TagList({ tags, most = tags.length }: Props): ReactNode {
  const styles = useStyles();
  const more = tags.length - most;
  return (
    <span className={styles.root} title={more > 0 ? list(tags) : undefined}>
      {tags.slice(0, most).map((tag) => (
        <span key={tag} className={styles.tag}>
          {tag}
        </span>
      ))}
      {more > 0 && <span className={styles.tag}>{t("common.more", { count: more })}</span>}
    </span>
  );
}
