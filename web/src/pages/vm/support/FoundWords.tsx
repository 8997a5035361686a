import type { ReactNode } from "react";
import { Prose } from "../../../components";
import { localTimes, t } from "../../../text";
import type { Found } from "./rescue";
import { useSupportStyles } from "./useStyles";

/** One thing that was found: what it is, why, what to do, and what shows it; `brief`: only what it is. */
export function FoundWords({ found, brief = false }: { found: Found; brief?: boolean }): ReactNode {
  const styles = useSupportStyles();
  const { title, message, cause, remedy = [], code, evidence } = found;
  return (
    <div>
      <span className={styles.strong}>{title}</span> <span className={styles.mono}>{code}</span>
      <p className={styles.text}>
        <Prose text={localTimes(message)} />
      </p>
      {!brief && cause && (
        <p className={styles.text}>
          {t("common.cause")}: <Prose text={localTimes(cause)} />
        </p>
      )}
      {!brief && remedy.length > 0 && (
        <ul className={styles.list} aria-label={t("common.whatToDo")}>
          {remedy.map((step) => (
            <li key={step}>
              <Prose text={step} />
            </li>
          ))}
        </ul>
      )}
      {!brief && evidence && Object.keys(evidence).length > 0 && (
        <details>
          <summary>{t("rescue.evidence")}</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
          <pre className={styles.pre} tabIndex={0}>
            {JSON.stringify(evidence, undefined, 2)}
          </pre>
        </details>
      )}
    </div>
  );
}
