import { Button, makeStyles, Subtitle2, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { CopyButton, ErrorView, StatusBadge } from "../../components";
import { t } from "../../text";
import type { Outcome } from "./run";

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalS, minWidth: 0 },
  head: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalM },
  title: { margin: 0 },
  quiet: { color: tokens.colorNeutralForeground2 },
  pre: {
    margin: 0,
    padding: tokens.spacingHorizontalM,
    maxHeight: "32rem",
    overflow: "auto",
    borderRadius: tokens.borderRadiusMedium,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    backgroundColor: tokens.colorNeutralBackground2,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    lineHeight: tokens.lineHeightBase300,
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
  },
  summary: { cursor: "pointer" },
});

/** What came back. `onFollow`: the person wants to see how the begun operation goes. */
export function Result(props: { outcome: Outcome; onFollow: (address: string) => void }): ReactNode {
  const { outcome, onFollow } = props;
  const { monitor } = outcome;
  const styles = useStyles();
  return (
    <section className={styles.root} aria-label={t("api.result")} aria-live="polite">
      <div className={styles.head}>
        <Subtitle2 as="h3" className={styles.title}>
          {t("api.result")}
        </Subtitle2>
        <StatusBadge tone={outcome.status < 400 ? "good" : "bad"}>{String(outcome.status)}</StatusBadge>
        <span className={styles.quiet}>{t("api.took", { ms: outcome.milliseconds })}</span>
        {monitor !== undefined && (
          <Button size="small" onClick={() => onFollow(monitor)}>
            {t("api.follow")}
          </Button>
        )}
        {outcome.body && <CopyButton text={outcome.body} label={t("api.copyBody")} size="small" />}
      </div>
      {outcome.error && <ErrorView error={outcome.error} />}
      {outcome.body ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keyboard
        <pre className={styles.pre} tabIndex={0}>
          {outcome.body}
        </pre>
      ) : (
        <p className={styles.quiet}>{t("api.noBody")}</p>
      )}
      <details>
        <summary className={styles.summary}>{t("api.headers")}</summary>
        <pre className={styles.pre}>
          {outcome.headers.map(([name, value]) => `${name}: ${value}`).join("\n")}
        </pre>
      </details>
    </section>
  );
}
