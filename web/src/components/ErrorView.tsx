import {
  Button,
  MessageBar,
  MessageBarBody,
  MessageBarTitle,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import type { ReactNode } from "react";
import { type ApiError, explained } from "../api/errors";
import { localTimes, t } from "../text";
import { useLocale } from "../text/language";
import { CopyButton } from "./CopyButton";
import { Prose } from "./Prose";

export interface ErrorAction {
  label: string;
  run: () => void;
}

interface Props {
  error: unknown;
  onRetry?: (() => void) | undefined;
  /** Buttons for the actions that an error may name, for instance `start-vm`. */
  actions?: Readonly<Record<string, ErrorAction>> | undefined;
}

const useStyles = makeStyles({
  body: {
    display: "grid",
    rowGap: tokens.spacingVerticalXS,
    paddingBlock: tokens.spacingVerticalS,
    whiteSpace: "normal",
    overflowWrap: "anywhere",
  },
  part: { margin: 0 },
  label: { fontWeight: tokens.fontWeightSemibold },
  list: { marginBlock: 0, paddingInlineStart: tokens.spacingHorizontalXL },
  small: { color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
  code: { fontFamily: tokens.fontFamilyMonospace, userSelect: "all" },
  buttons: {
    display: "flex",
    flexWrap: "wrap",
    gap: tokens.spacingHorizontalS,
    marginTop: tokens.spacingVerticalXS,
  },
  // Fluent's red ground is too loud for something that can stay on the screen for a while.
  bar: {
    alignItems: "start",
    backgroundColor: tokens.colorNeutralBackground2,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderLeft: `4px solid ${tokens.colorPaletteRedBorderActive}`,
  },
});

/** An error as cause and what to do, with its code and everything else to copy. Every failure is shown through this. */
export function ErrorView({ error: thrown, onRetry, actions }: Props): ReactNode {
  const styles = useStyles();
  const spoken = useLocale();
  const error = explained(thrown);
  const offered = error.action ? actions?.[error.action] : undefined;
  return (
    <MessageBar intent="error" layout="multiline" className={styles.bar} role="alert" lang={spoken}>
      <MessageBarBody className={styles.body}>
        <MessageBarTitle>{error.title}</MessageBarTitle>
        <p className={styles.part}>
          <Prose text={localTimes(error.message)} />
        </p>
        {error.cause && (
          <p className={styles.part}>
            <span className={styles.label}>{t("common.cause")}: </span>
            <Prose text={localTimes(error.cause)} />
          </p>
        )}
        {error.remedy.length > 0 && (
          <div>
            <span className={styles.label}>{t("common.whatToDo")}:</span>
            <ul className={styles.list}>
              {error.remedy.map((step) => (
                <li key={step}>
                  <Prose text={step} />
                </li>
              ))}
            </ul>
          </div>
        )}
        <p className={`${styles.part} ${styles.small}`}>
          {t("common.code")}: <span className={styles.code}>{error.code}</span>
          {error.requestId && (
            <>
              {" · "}
              {t("common.requestId")}: <span className={styles.code}>{error.requestId}</span>
            </>
          )}
        </p>
        <div className={styles.buttons}>
          {offered && (
            <Button appearance="primary" onClick={offered.run}>
              {offered.label}
            </Button>
          )}
          {onRetry && (
            <Button appearance={offered ? "secondary" : "primary"} onClick={onRetry}>
              {t("common.retry")}
            </Button>
          )}
          <CopyButton text={detailsOf(error)} label={t("common.copyDetails")} />
        </div>
      </MessageBarBody>
    </MessageBar>
  );
}

/** What is worth pasting into a report; without tokens, which no error holds. */
export function detailsOf(error: ApiError): string {
  const lines = [
    `${error.title}: ${error.message}`,
    error.cause && `${t("common.cause")}: ${error.cause}`,
    ...error.remedy.map((step) => `- ${step}`),
    `${t("common.code")}: ${error.code} (${error.status})`,
    error.requestId && `${t("common.requestId")}: ${error.requestId}`,
    Object.keys(error.fields).length > 0 && `${t("common.details")}: ${JSON.stringify(error.fields)}`,
    `${location.pathname} ${new Date().toISOString()}`,
  ];
  return lines.filter(Boolean).join("\n");
}
