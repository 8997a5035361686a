import { makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { CheckmarkCircleFilled, ErrorCircleFilled } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { CopyButton, Prose, When } from "../../components";
import { detailsOf } from "../../components/ErrorView";
import type { Notice } from "../../notices";
import { t } from "../../text";

const useStyles = makeStyles({
  list: { margin: 0, padding: 0, listStyleType: "none" },
  item: {
    display: "grid",
    gridTemplateColumns: "20px 1fr",
    columnGap: tokens.spacingHorizontalS,
    paddingBlock: tokens.spacingVerticalS,
    borderTop: `1px solid ${tokens.colorNeutralStroke3}`,
  },
  icon: { display: "inline-flex", fontSize: "1.125rem", paddingTop: "2px" },
  good: { color: tokens.colorPaletteGreenForeground1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  words: { display: "grid", rowGap: tokens.spacingVerticalXXS, overflowWrap: "anywhere" },
  title: { fontWeight: tokens.fontWeightSemibold },
  quiet: { color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
  steps: { marginBlock: 0, paddingInlineStart: tokens.spacingHorizontalL },
  link: { color: tokens.colorBrandForegroundLink },
  code: { fontFamily: tokens.fontFamilyMonospace, userSelect: "all" },
  buttons: { display: "flex", alignItems: "center", gap: tokens.spacingHorizontalS },
});

/** What was begun, the newest first. */
export function NoticeList({ all, onGo }: { all: readonly Notice[]; onGo: () => void }): ReactNode {
  const styles = useStyles();
  if (all.length === 0) return <p className={styles.quiet}>{t("frame.noNotices")}</p>;
  return (
    <ul className={styles.list}>
      {all.map((notice) => (
        <Item key={notice.id} notice={notice} onGo={onGo} />
      ))}
    </ul>
  );
}

function Item({ notice, onGo }: { notice: Notice; onGo: () => void }): ReactNode {
  const styles = useStyles();
  const { subject, error } = notice;
  return (
    <li className={styles.item}>
      <Sign notice={notice} />
      <div className={styles.words}>
        <span className={styles.title}>{notice.title}</span>
        <span className={styles.quiet}>
          {t(`frame.${notice.progress}`)}
          {" · "}
          {/* Since when it runs, or when it ended. */}
          <When at={notice.ended ?? notice.began} relative />
        </span>
        {error && (
          <>
            <span>
              <Prose text={error.message} />
            </span>
            {error.remedy.length > 0 && (
              <ul className={styles.steps}>
                {error.remedy.map((step) => (
                  <li key={step}>
                    <Prose text={step} />
                  </li>
                ))}
              </ul>
            )}
            <span className={styles.buttons}>
              <span className={mergeClasses(styles.code, styles.quiet)}>{error.code}</span>
              <CopyButton text={detailsOf(error)} label={t("common.copyDetails")} iconOnly size="small" />
            </span>
          </>
        )}
        {subject && (
          <Link to={subject.href} className={styles.link} onClick={onGo}>
            {t("frame.goTo", { name: subject.name })}
          </Link>
        )}
      </div>
    </li>
  );
}

function Sign({ notice }: { notice: Notice }): ReactNode {
  const styles = useStyles();
  switch (notice.progress) {
    case "running":
      return <Spinner size="extra-tiny" className={styles.icon} aria-hidden />;
    case "succeeded":
      return <CheckmarkCircleFilled className={mergeClasses(styles.icon, styles.good)} aria-hidden />;
    case "failed":
      return <ErrorCircleFilled className={mergeClasses(styles.icon, styles.bad)} aria-hidden />;
  }
}
