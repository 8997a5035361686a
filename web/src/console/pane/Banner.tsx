import {
  Button,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  MessageBarTitle,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";
import type { ApiError } from "../../api/errors";
import { type ErrorAction, ErrorView } from "../../components";
import { upgradeOne } from "../../pages/scaleSets/sets";
import { placeOf } from "../../pages/shared/resourceId";
import { useRights } from "../../pages/shared/useRights";
import { act, switchDiagnostics } from "../../pages/vms/actions";
import { useStore } from "../../store";
import { clockTime, t } from "../../text";
import { enableConsole } from "../deeds";
import { faultOf } from "../faults";
import type { Seat } from "../seat";
import type { Person } from "../snapshot";
import { IssueWords } from "./IssueWords";
import { askersOf } from "./keyboard";
import { Unreachable } from "./Unreachable";

/** A drop that is over sooner is not worth a word: the status line has it. */
const SHORT_SECONDS = 1;
/** Somebody else has the keyboard; the codes differ in what becomes of the guest login. */
const TAKEN: ReadonlySet<string> = new Set(["TakenOver", "TakenOverLoginEnds"]);

const useStyles = makeStyles({
  // Over the terminal: what comes and goes must not change its size.
  root: {
    position: "absolute",
    zIndex: 1,
    insetBlockStart: 0,
    insetInline: 0,
    maxHeight: "100%",
    boxSizing: "border-box",
    overflow: "auto",
    padding: tokens.spacingHorizontalS,
    backgroundColor: tokens.colorNeutralBackground1,
    boxShadow: tokens.shadow8,
  },
  // What is typed meanwhile stands below.
  explained: { maxHeight: "min(45vh, 16rem)", overflow: "auto" },
  body: { whiteSpace: "normal", paddingBlock: tokens.spacingVerticalXS },
});

/** Over the top of the terminal: why there is no console now, and what can be done about it. */
export function Banner({ seat }: { seat: Seat }): ReactNode {
  const styles = useStyles();
  const content = useContent(seat);
  return content ? <div className={styles.root}>{content}</div> : null;
}

function useContent(seat: Seat): ReactNode {
  const elsewhere = useStore(seat.elsewhere);
  const issue = useStore(seat.issue);
  const snapshot = useStore(seat.connection.store);
  const { status, stopped, endsLogin } = snapshot;
  const askers = askersOf(snapshot);
  const late = useLate(status.kind === "lost");
  const { name } = seat.machine;
  const again = (
    <>
      <Button appearance="primary" onClick={() => seat.startAgain("write")}>
        {t("console.reconnect")}
      </Button>
      <Button onClick={() => seat.startAgain("observe")}>{t("console.watch")}</Button>
    </>
  );
  switch (status.kind) {
    case "connecting":
      return null;
    case "attached":
      if (stopped) return <Stopped seat={seat} />;
      if (askers.length > 0) return <Asking seat={seat} asker={askers[0]} />;
      return issue !== null && <Explained seat={seat} code={issue} />;
    case "lost":
      return late && <Trouble seat={seat} fault={status.fault} />;
    case "catchingUp":
      return <Note title={t("console.catchingTitle")} text={t("console.catchingNote")} intent="info" />;
    case "unreachable":
      return <Unreachable listener={status.listener} reach={status.reach} />;
    case "refused":
      return <Refusal seat={seat} fault={status.fault} waits={status.waits} />;
    case "ended":
      if (TAKEN.has(status.fault.code)) return <TakenOver seat={seat} fault={status.fault} />;
      return <Over seat={seat} fault={status.fault} />;
    case "left":
      if (elsewhere) return <Note title={t("console.poppedOut", { name })} intent="info" actions={again} />;
      return (
        <Note
          title={t("console.leftTitle", { name })}
          text={t(endsLogin ? "console.leftNoteEnds" : "console.leftNote")}
          intent="info"
          actions={again}
        />
      );
  }
}

/** True once something has lasted. */
function useLate(now: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!now) return;
    const timer = setTimeout(() => setLate(true), SHORT_SECONDS * 1000);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [now]);
  return late;
}

interface NoteProps {
  title: string;
  text?: ReactNode;
  intent: "info" | "warning";
  actions?: ReactNode;
  /** At its top, in sight however long it is. */
  onClose?: () => void;
}

function Note({ title, text, intent, actions, onClose }: NoteProps): ReactNode {
  const styles = useStyles();
  return (
    <MessageBar intent={intent} layout="multiline" role={intent === "warning" ? "alert" : "status"}>
      <MessageBarBody className={styles.body}>
        <MessageBarTitle>{title}</MessageBarTitle> {text}
      </MessageBarBody>
      {actions && <MessageBarActions>{actions}</MessageBarActions>}
      {onClose && (
        <MessageBarActions
          containerAction={
            <Button
              size="small"
              appearance="transparent"
              icon={<DismissRegular />}
              aria-label={t("common.close")}
              title={t("common.close")}
              onClick={onClose}
            />
          }
        />
      )}
    </MessageBar>
  );
}

/** It was there: what it is, in a line, since it mostly comes back before anybody has read more. */
function Trouble({ seat, fault }: { seat: Seat; fault: ApiError }): ReactNode {
  const actions = useMends(seat);
  const mend = fault.action ? actions[fault.action] : undefined;
  return (
    <Note
      title={t("console.lostTitle")}
      text={`${fault.message} ${t("console.lostNote")}`}
      intent="warning"
      actions={
        <>
          {mend && (
            <Button appearance="primary" onClick={mend.run}>
              {mend.label}
            </Button>
          )}
          <Button onClick={() => seat.connection.retry()}>{t("console.retryNow")}</Button>
        </>
      }
    />
  );
}

/** Somebody wants the keyboard that this person has. It goes away by itself when the time to answer is over. */
function Asking({ seat, asker }: { seat: Seat; asker: Person | undefined }): ReactNode {
  if (!asker) return null;
  const { name: who, session } = asker;
  return (
    <Note
      title={t("console.asksTitle", { who })}
      text={t("console.asksNote", { menu: t("console.keyMenu") })}
      intent="warning"
      actions={
        <>
          <Button appearance="primary" onClick={() => seat.wish("allow", session)}>
            {t("console.allow")}
          </Button>
          <Button onClick={() => seat.wish("decline", session)}>{t("console.decline")}</Button>
        </>
      }
    />
  );
}

/** What was just done has a known trouble: what it is, until it is read. */
function Explained({ seat, code }: { seat: Seat; code: string }): ReactNode {
  const styles = useStyles();
  const fault = faultOf(code, {}, "…");
  return (
    <div className={styles.explained}>
      <Note
        title={fault.title}
        text={<IssueWords fault={fault} />}
        intent="info"
        onClose={() => seat.closeIssue()}
      />
    </div>
  );
}

/** The console stays where it is while its machine is off. */
function Stopped({ seat }: { seat: Seat }): ReactNode {
  const start = useMends(seat)["start-vm"];
  return (
    <Note
      title={t("console.stoppedTitle", seat.machine)}
      text={t("console.stoppedNote")}
      intent="info"
      actions={
        start && (
          <Button appearance="primary" onClick={start.run}>
            {start.label}
          </Button>
        )
      }
    />
  );
}

function Refusal({ seat, fault, waits }: { seat: Seat; fault: ApiError; waits: boolean }): ReactNode {
  const actions = useMends(seat);
  return (
    <>
      <ErrorView error={fault} actions={actions} onRetry={() => seat.connection.retry()} />
      {waits && <p>{t("console.waitsNote")}</p>}
    </>
  );
}

/** It is over for good; what can be mended begins a new session. */
function Over({ seat, fault }: { seat: Seat; fault: ApiError }): ReactNode {
  const again = useCallback(() => seat.startAgain("write"), [seat]);
  return <ErrorView error={fault} actions={useMends(seat, again)} onRetry={again} />;
}

function TakenOver({ seat, fault }: { seat: Seat; fault: ApiError }): ReactNode {
  const { code } = fault;
  const { by, at } = fault.fields;
  return (
    <Note
      title={t("console.takenTitle", { by: String(by), at: clockTime(String(at)) })}
      text={t(code === "TakenOver" ? "console.takenNote" : "console.takenNoteEnds")}
      intent="warning"
      actions={
        <>
          <Button appearance="primary" onClick={() => seat.startAgain("write")}>
            {t("console.takeBack")}
          </Button>
          <Button onClick={() => seat.startAgain("observe")}>{t("console.watch")}</Button>
        </>
      }
    />
  );
}

/** Buttons for what a fault says could be done; those that this person may not press are left out. */
function useMends(seat: Seat, again?: () => void): Readonly<Record<string, ErrorAction>> {
  const { machine, connection } = seat;
  const { instance, subscription: name } = placeOf(machine.id);
  const subscription = `/subscriptions/${name}`;
  const isInstance = instance !== undefined;
  const may = useRights(useMemo(() => [machine.id, subscription], [machine.id, subscription]));
  const [busy, setBusy] = useState(false);
  const mend = (label: string, work: () => Promise<unknown>): ErrorAction => ({
    label,
    run: () => {
      if (busy) return;
      setBusy(true);
      // A failure is told among the notifications, and by the next attempt.
      work()
        .catch(() => undefined)
        .finally(() => {
          setBusy(false);
          if (again) again();
          else connection.retry();
        });
    },
  });
  return {
    ...(may(machine.id, "start") && {
      "start-vm": mend(t("console.startAction", machine), () => act("start", machine)),
    }),
    ...(may(subscription, "enableConsole") && {
      "enable-console": mend(t("console.enableConsole"), () => enableConsole(machine)),
    }),
    ...(isInstance &&
      may(machine.id, "upgrade") && {
        "update-instance": mend(t("scaleSets.upgrade", { count: 1 }), () => upgradeOne(machine.id)),
      }),
    "enable-boot-diagnostics": mend(t("console.enableDiagnostics"), () => switchDiagnostics(machine, true)),
  };
}
