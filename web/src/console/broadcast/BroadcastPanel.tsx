/** Above the grid: one line for several consoles, with what each shows before and what it answered. */

import { Button, Field, Input, makeStyles, mergeClasses, Select, tokens } from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import {
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { StatusBadge, type Tone } from "../../components";
import { useTableStyles } from "../../pages/shared/tableStyles";
import { t } from "../../text";
import { createClock } from "../clock";
import type { Seat } from "../seat";
import type { Outcome } from "./answer";
import { type After, type Before, Broadcast, lookAt } from "./broadcast";
import { READERS, type Reader } from "./checks";
import { afterWords, obstacleWords, stateWord, summaryOf } from "./words";

/** Between two looks at the consoles. */
const LOOK_SECONDS = 0.5;
/** Characters of a line, and of one at SAC's own prompt, which overwrites what is longer. */
const MAX_LINE = 2000;
const SAC_LINE = 77;

const TONES: Readonly<Record<Outcome, Tone>> = {
  waiting: "busy",
  notEchoed: "warning",
  running: "busy",
  echoed: "good",
  done: "good",
  lost: "bad",
};

const useStyles = makeStyles({
  root: {
    flexShrink: 0,
    maxHeight: "50%",
    overflow: "auto",
    marginBottom: tokens.spacingVerticalS,
    padding: tokens.spacingHorizontalS,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
  },
  form: { display: "flex", flexWrap: "wrap", alignItems: "end", gap: tokens.spacingHorizontalS },
  line: { flex: "1 1 16rem" },
  input: { fontFamily: tokens.fontFamilyMonospace },
  close: { marginInlineStart: "auto" },
  name: { display: "flex", alignItems: "center", columnGap: tokens.spacingHorizontalS },
  out: { color: tokens.colorNeutralForeground3 },
  last: {
    display: "block",
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    overflowWrap: "anywhere",
    whiteSpace: "pre-wrap",
  },
  said: { minHeight: "1.5em", marginBlock: tokens.spacingVerticalXS },
});

interface Props {
  seats: readonly Seat[];
  onClose: () => void;
}

const now = createClock();

export function BroadcastPanel({ seats, onClose }: Props): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  const [text, setText] = useState("");
  const [wanted, setWanted] = useState<Reader>("shell");
  const [left, setLeft] = useState<ReadonlySet<Seat>>(new Set());
  const [sent, setSent] = useState<Broadcast>();
  const form = useRef<HTMLFormElement>(null);
  useLooking();
  const toLine = useCallback(() => form.current?.querySelector("input")?.focus(), []);
  useEffect(toLine, [toLine]);
  useEffect(() => () => sent?.close(), [sent]);

  const rows = seats.map((seat) => ({ seat, before: lookAt(seat, wanted) }));
  const chosen = rows.filter(({ seat, before }) => before.obstacle === null && !left.has(seat));
  const ready = rows.filter(({ before }) => before.obstacle === null).length;
  const sendable = text.trim() !== "" && chosen.length > 0;

  function send(event: FormEvent): void {
    event.preventDefault();
    if (!sendable) return;
    sent?.close();
    setSent(new Broadcast(seatsOf(chosen), text.replaceAll(/\p{Cc}/gu, ""), wanted, now));
    // Enter once more must not type it once more.
    setText("");
    toLine();
  }

  function choose(seat: Seat, on: boolean): void {
    setLeft((before) => {
      const next = new Set(before);
      if (on) next.delete(seat);
      else next.add(seat);
      return next;
    });
  }

  function press(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.preventDefault();
    onClose();
  }

  return (
    <section className={styles.root} aria-label={t("console.broadcastTitle")} onKeyDown={press}>
      <form ref={form} className={styles.form} onSubmit={send}>
        <Field className={styles.line} label={t("console.broadcastLine")}>
          <Input
            value={text}
            maxLength={wanted === "sac" || wanted === "sacFailed" ? SAC_LINE : MAX_LINE}
            autoComplete="off"
            spellCheck={false}
            input={{ className: styles.input }}
            onChange={(_, data) => setText(data.value)}
          />
        </Field>
        <Field label={t("console.broadcastState")}>
          <Select value={wanted} onChange={(_, data) => setWanted(data.value as Reader)}>
            {READERS.map((state) => (
              <option key={state} value={state}>
                {stateWord(state)}
              </option>
            ))}
          </Select>
        </Field>
        <Button type="submit" appearance="primary" disabledFocusable={!sendable}>
          {t("console.broadcastSend", { count: chosen.length })}
        </Button>
        <Button onClick={() => setLeft(new Set())} disabledFocusable={ready === 0}>
          {t("console.broadcastAll")}
        </Button>
        <Button onClick={() => setLeft(new Set(seats))} disabledFocusable={chosen.length === 0}>
          {t("console.broadcastNone")}
        </Button>
        <Button
          className={styles.close}
          appearance="subtle"
          icon={<DismissRegular />}
          aria-label={t("console.broadcastClose")}
          title={t("console.broadcastClose")}
          onClick={onClose}
        />
      </form>
      <p className={styles.said} role="status">
        {sent && summaryOf(sent, now())}
      </p>
      <div className={table.box}>
        <table className={table.table} aria-label={t("console.broadcastTable")}>
          <thead>
            <tr>
              <th scope="col" className={table.head}>
                {t("console.broadcastConsole")}
              </th>
              <th scope="col" className={table.head}>
                {t("console.broadcastBefore")}
              </th>
              <th scope="col" className={table.head}>
                {t("console.broadcastAfter")}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ seat, before }) => (
              <Row
                key={seat.machine.id}
                name={seat.machine.name}
                before={before}
                wanted={wanted}
                chosen={before.obstacle === null && !left.has(seat)}
                after={sent?.after(seat, now()) ?? null}
                onChoose={(on) => choose(seat, on)}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface RowProps {
  name: string;
  before: Before;
  wanted: Reader;
  chosen: boolean;
  after: After | null;
  onChoose: (on: boolean) => void;
}

function Row({ name, before, wanted, chosen, after, onChoose }: RowProps): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  const why = useId();
  const { obstacle, lastLine } = before;
  return (
    <tr className={mergeClasses(table.row, obstacle !== null && styles.out)}>
      <th scope="row" className={table.cell}>
        <label className={styles.name}>
          <input
            type="checkbox"
            className={table.check}
            checked={chosen}
            disabled={obstacle !== null}
            aria-describedby={why}
            onChange={(event) => onChoose(event.target.checked)}
          />
          {name}
        </label>
      </th>
      <td className={table.cell}>
        <span id={why}>
          {obstacle === null ? (
            <StatusBadge tone="good">{t("console.broadcastReady", { state: stateWord(wanted) })}</StatusBadge>
          ) : (
            <StatusBadge tone="off">{obstacleWords(obstacle)}</StatusBadge>
          )}
        </span>
        {lastLine !== "" && <code className={styles.last}>{lastLine}</code>}
      </td>
      <td className={table.cell}>
        {after && (
          <>
            <StatusBadge tone={after.kind === "typed" ? TONES[after.outcome] : "off"}>
              {afterWords(after)}
            </StatusBadge>
            {after.kind === "typed" && after.lastLine !== "" && (
              <code className={styles.last}>{after.lastLine}</code>
            )}
          </>
        )}
      </td>
    </tr>
  );
}

function seatsOf(rows: readonly { seat: Seat }[]): Seat[] {
  return rows.map(({ seat }) => seat);
}

/** Draws it anew every so often: what a console shows changes without a word. */
function useLooking(): void {
  const [, look] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => look((count) => count + 1), LOOK_SECONDS * 1000);
    return () => clearInterval(timer);
  }, []);
}
