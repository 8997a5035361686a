import { makeStyles, tokens } from "@fluentui/react-components";
import { ChevronRightRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Crumb } from "../routes";
import { t } from "../text";

const useStyles = makeStyles({
  list: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    margin: 0,
    padding: 0,
    listStyleType: "none",
    fontSize: tokens.fontSizeBase200,
    color: tokens.colorNeutralForeground2,
  },
  item: { display: "inline-flex", alignItems: "center", minWidth: 0 },
  mark: { marginInline: tokens.spacingHorizontalXS, fontSize: "0.75rem" },
  link: {
    color: tokens.colorBrandForegroundLink,
    textDecorationLine: "none",
    borderRadius: tokens.borderRadiusSmall,
    ":hover": { textDecorationLine: "underline" },
  },
  name: { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap", maxWidth: "60vw" },
});

export function Breadcrumb({ crumbs }: { crumbs: readonly Crumb[] }): ReactNode {
  const styles = useStyles();
  const all: readonly Crumb[] = [{ label: t("frame.home"), to: "/" }, ...crumbs];
  return (
    <nav aria-label={t("frame.breadcrumb")}>
      <ol className={styles.list}>
        {all.map((crumb, index) => (
          <li key={crumb.to ?? crumb.label} className={styles.item}>
            {index > 0 && <ChevronRightRegular className={styles.mark} aria-hidden />}
            {crumb.to !== undefined && index < all.length - 1 ? (
              <Link to={crumb.to} className={`${styles.link} ${styles.name}`}>
                {crumb.label}
              </Link>
            ) : (
              <span className={styles.name} aria-current={index === all.length - 1 ? "page" : undefined}>
                {crumb.label}
              </span>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}
