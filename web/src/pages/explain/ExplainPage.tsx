import { Button, Field, makeStyles, Textarea, tokens } from "@fluentui/react-components";
import { type FormEvent, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { arm } from "../../api/client";
import { isAbort } from "../../api/errors";
import type { Explanation } from "../../api/types";
import { ErrorView, PageHeader, Prose, StatusBadge } from "../../components";
import { t } from "../../text";
import { useLocale } from "../../text/language";
import { Card } from "../shared/Card";

/** As much as one request may bring; of more the end counts, where a log says what happened. */
const MOST_BYTES = 240 * 1024;

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalL },
  form: { display: "grid", rowGap: tokens.spacingVerticalM, justifyItems: "start" },
  field: { width: "100%" },
  input: { width: "100%", fontFamily: tokens.fontFamilyMonospace },
  text: { margin: 0, overflowWrap: "anywhere" },
  lines: {
    margin: 0,
    padding: tokens.spacingHorizontalS,
    borderRadius: tokens.borderRadiusMedium,
    // As on a terminal, in both themes.
    backgroundColor: "#111716",
    color: "#dbe7e5",
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
  },
  remedy: { margin: 0, paddingInlineStart: tokens.spacingHorizontalXL },
});

/** A code, an error's text or some of a log, and what it means. */
export default function ExplainPage(): ReactNode {
  const styles = useStyles();
  const [address] = useSearchParams();
  const [text, setText] = useState(() => address.get("text") ?? "");
  const [found, setFound] = useState<readonly Explanation[]>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const end = useRef(new AbortController());
  const spoken = useLocale();
  useEffect(() => () => end.current.abort(), []);

  async function ask(): Promise<void> {
    if (!text.trim()) return;
    end.current.abort();
    end.current = new AbortController();
    const { signal } = end.current;
    setBusy(true);
    setError(undefined);
    try {
      const { value } = await arm.post<{ value: Explanation[] }>("/catalogue/explain", {
        body: { text: lastOf(text) },
        signal,
      });
      if (!signal.aborted) setFound(value);
    } catch (thrown) {
      if (!signal.aborted && !isAbort(thrown)) setError(thrown);
    } finally {
      if (!signal.aborted) setBusy(false);
    }
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    void ask();
  }

  function typed(event: KeyboardEvent): void {
    // Enter makes a line; with Ctrl it asks.
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void ask();
  }

  return (
    <>
      <PageHeader title={t("explain.title")} />
      <div className={styles.root}>
        <form className={styles.form} onSubmit={submit}>
          <Field label={t("explain.label")} hint={t("explain.hint")} className={styles.field}>
            <Textarea
              className={styles.input}
              value={text}
              rows={6}
              resize="vertical"
              spellCheck={false}
              onKeyDown={typed}
              onChange={(_, data) => setText(data.value)}
            />
          </Field>
          <Button type="submit" appearance="primary" disabledFocusable={busy || !text.trim()}>
            {t("explain.run")}
          </Button>
        </form>
        {error !== undefined && <ErrorView error={error} onRetry={() => void ask()} />}
        <div role="status" className={styles.text}>
          {found !== undefined && t("explain.found", { count: found.length })}
        </div>
        {found?.length === 0 && <p className={styles.text}>{t("explain.nothing")}</p>}
        <div className={styles.root} lang={spoken}>
          {found?.map((each) => (
            <Told key={`${each.code} ${each.offset ?? ""}`} each={each} />
          ))}
        </div>
      </div>
    </>
  );
}

function Told({ each }: { each: Explanation }): ReactNode {
  const styles = useStyles();
  return (
    <Card
      title={each.title}
      note={
        <>
          {each.code}
          {each.line !== undefined && ` · ${t("explain.line", { line: each.line })}`}
          {(each.count ?? 1) > 1 && ` · ${t("explain.count", { count: each.count ?? 1 })}`}
        </>
      }
    >
      {each.ended && <StatusBadge tone="off">{t("explain.ended")}</StatusBadge>}
      <p className={styles.text}>
        <Prose text={each.message} />
      </p>
      {each.evidence && each.evidence.length > 0 && (
        <pre className={styles.lines}>
          {each.evidence.map((line) => `${line.line}: ${line.text}`).join("\n")}
        </pre>
      )}
      {each.cause && (
        <p className={styles.text}>
          <strong>{t("common.cause")}: </strong>
          <Prose text={each.cause} />
        </p>
      )}
      {each.remedy.length > 0 && (
        <div>
          <strong>{t("common.whatToDo")}:</strong>
          <ul className={styles.remedy}>
            {each.remedy.map((step) => (
              <li key={step}>
                <Prose text={step} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </Card>
  );
}

/** The end of a text that is too long, from the beginning of a line on. */
export function lastOf(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MOST_BYTES) return text;
  const last = new TextDecoder().decode(bytes.slice(-MOST_BYTES));
  return last.slice(last.indexOf("\n") + 1);
}
