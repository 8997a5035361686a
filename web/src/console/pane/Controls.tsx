import { makeStyles, ToolbarButton, Tooltip } from "@fluentui/react-components";
import { KeyboardRegular, PlugConnectedRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type May, useRights } from "../../pages/shared/useRights";
import { useStore } from "../../store";
import { t } from "../../text";
import { preferences } from "../preferences";
import type { Seat } from "../seat";
import type { Status } from "../snapshot";
import { FindBar } from "./FindBar";
import { type Choice, KeyMenu } from "./KeyMenu";
import { keyboardChoices, keyboardOf } from "./keyboard";
import { PasteQuestion, type Question, Questions } from "./Questions";
import { SendKeys } from "./SendKeys";
import { isOver } from "./states";
import { Toolbar } from "./Toolbar";
import { barTools, moreTools, type PaneTools, whyNot } from "./tools";
import type { Filling } from "./useFilling";

const useStyles = makeStyles({ seating: { minWidth: "auto", whiteSpace: "nowrap" } });

interface ControlsProps {
  seat: Seat;
  filling: Filling;
  alone: boolean;
}

/** Everything above the terminal, and what opens over it. */
export function Controls({ seat, filling, alone }: ControlsProps): ReactNode {
  const { machine, connection, screen } = seat;
  const snapshot = useStore(connection.store);
  useStore(preferences);
  const request = useStore(seat.request);
  const issue = useStore(seat.issue);
  const bar = useRef<HTMLDivElement>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  /** Counts how often it was asked for, 0 while it is closed: asked again it takes the focus again. */
  const [finding, setFinding] = useState(0);
  const find = useCallback(() => setFinding((before) => before + 1), []);
  const may = useRights(useMemo(() => [machine.id], [machine.id]));

  const back = (): void => screen.focus();
  const leave = useCallback((): void => bar.current?.querySelector("button")?.focus(), []);
  const done = (): void => {
    seat.request.set(null);
    back();
  };

  useEffect(() => {
    if (request?.kind === "find") find();
    if (request?.kind === "leave") leave();
    if (request?.kind === "find" || request?.kind === "leave") seat.request.set(null);
  }, [request, seat, leave, find]);

  const pane: PaneTools = {
    filling: filling.chosen,
    toggleFilling: filling.toggle,
    alone,
    find,
    download: () => setQuestion("download"),
    reset: () => setQuestion("reset"),
    restart: () => setQuestion("restart"),
  };
  const { id } = machine;
  const whyNmi = whyNot(may, id, "nmi", "connect");
  const whyCtrlAltDel = whyNot(may, id, "ctrlAltDel", "connect");
  const whySysrq = whyNot(may, id, "sysrq", "connect");
  const choices: readonly Choice[] = [
    { letter: "n", label: t("console.sendNmi"), run: () => setQuestion("nmi"), why: whyNmi },
    { letter: "s", label: t("console.sendSysrq"), run: () => setQuestion("sysrq"), why: whySysrq },
    {
      letter: "c",
      label: t("console.sendCtrlAltDel"),
      run: () => setQuestion("ctrlAltDel"),
      why: whyCtrlAltDel,
    },
    {
      letter: "r",
      label: t("console.reset"),
      run: () => setQuestion("reset"),
      why: whyNot(may, id, "reset", "connect"),
    },
    ...keyboardChoices(seat, snapshot, may),
    ...(issue === null
      ? []
      : [{ letter: "x", label: t("console.issueClose"), run: () => seat.closeIssue() }]),
    { letter: "z", label: t("console.matchSize"), run: () => seat.matchSize() },
    { letter: "f", label: t("console.find"), run: find },
    {
      letter: "l",
      label: t("console.historyOpen"),
      run: () => seat.request.set({ kind: "history", back: false }),
    },
    { letter: "q", label: t("console.disconnect"), run: () => connection.leave() },
    { letter: "tab", label: t("console.leave"), run: leave },
    {
      letter: "Ctrl+]",
      label: t("console.sendMenuKey", { key: t("console.keyMenu") }),
      run: () => seat.send("\x1d"),
    },
  ];

  const first = {
    ...(hasSeating(snapshot.status) && {
      seating: <Seating seat={seat} may={may} />,
    }),
    keys: (
      <SendKeys
        seat={seat}
        onNmi={() => setQuestion("nmi")}
        onCtrlAltDel={() => setQuestion("ctrlAltDel")}
        onSysrq={() => setQuestion("sysrq")}
        whyNmi={whyNmi}
        whyCtrlAltDel={whyCtrlAltDel}
        whySysrq={whySysrq}
      />
    ),
  };

  return (
    <>
      <Toolbar
        place={bar}
        first={first}
        tools={barTools(seat, pane, may)}
        more={() => moreTools(seat, snapshot)}
        onDone={back}
      />
      {finding > 0 && (
        <FindBar
          key={finding}
          screen={screen}
          onClose={() => {
            setFinding(0);
            back();
          }}
        />
      )}
      <Questions
        seat={seat}
        question={question}
        onClose={() => {
          setQuestion(null);
          back();
        }}
      />
      {request?.kind === "paste" && <PasteQuestion seat={seat} paste={request.paste} onClose={done} />}
      {request?.kind === "menu" && <KeyMenu choices={choices} at={screen} onClose={done} />}
    </>
  );
}

/** Whether there is something to press about one's seat. */
function hasSeating(status: Status): boolean {
  return isOver(status) || (status.kind === "attached" && status.mode === "observe");
}

/** The buttons that come with a state: connect again; or ask for the keyboard, or take it. */
function Seating({ seat, may }: { seat: Seat; may: May }): ReactNode {
  const styles = useStyles();
  const snapshot = useStore(seat.connection.store);
  if (isOver(snapshot.status)) {
    return (
      <ToolbarButton
        className={styles.seating}
        appearance="primary"
        icon={<PlugConnectedRegular />}
        onClick={() => {
          seat.startAgain("write");
          seat.screen.focus();
        }}
      >
        {t("console.reconnect")}
      </ToolbarButton>
    );
  }
  const { asks, whyAsk, whyTake, held } = keyboardOf(seat, snapshot, may);
  return (
    <>
      {held && (
        <SeatButton
          primary
          label={t(asks ? "console.askNoMore" : "console.ask")}
          why={whyAsk}
          run={() => seat.wish(asks ? "release" : "ask")}
        />
      )}
      <SeatButton primary={!held} label={t("console.take")} why={whyTake} run={() => seat.wish("write")} />
    </>
  );
}

interface SeatButtonProps {
  label: string;
  primary: boolean;
  why: string | undefined;
  run: () => void;
}

function SeatButton({ label, primary, why, run }: SeatButtonProps): ReactNode {
  const styles = useStyles();
  const button = (
    <ToolbarButton
      className={styles.seating}
      {...(primary && { appearance: "primary" as const })}
      icon={<KeyboardRegular />}
      disabledFocusable={why !== undefined}
      onClick={run}
    >
      {label}
    </ToolbarButton>
  );
  if (why === undefined) return button;
  return (
    <Tooltip content={why} relationship="description" withArrow>
      {button}
    </Tooltip>
  );
}
