import { makeStyles, ToolbarButton } from "@fluentui/react-components";
import { KeyboardRegular, PlugConnectedRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { RIGHTS } from "../../pages/shared/rights";
import { useRights } from "../../pages/shared/useRights";
import { useStore } from "../../store";
import { t } from "../../text";
import { preferences } from "../preferences";
import type { Seat } from "../seat";
import type { Status } from "../snapshot";
import { FindBar } from "./FindBar";
import { type Choice, KeyMenu } from "./KeyMenu";
import { PasteQuestion, type Question, Questions } from "./Questions";
import { SendKeys } from "./SendKeys";
import { isOver } from "./states";
import { Toolbar } from "./Toolbar";
import { barTools, moreTools, type PaneTools } from "./tools";
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
    reset: () => setQuestion("reset"),
    restart: () => setQuestion("restart"),
  };
  const choices: readonly Choice[] = [
    { letter: "n", label: t("console.sendNmi"), run: () => setQuestion("nmi") },
    { letter: "s", label: t("console.sendSysrq"), run: () => setQuestion("sysrq") },
    { letter: "r", label: t("console.reset"), run: () => setQuestion("reset") },
    { letter: "w", label: t("console.take"), run: () => takeKeyboard(seat) },
    { letter: "f", label: t("console.find"), run: find },
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
      seating: <Seating seat={seat} />,
    }),
    keys: (
      <SendKeys
        seat={seat}
        onNmi={() => setQuestion("nmi")}
        onSysrq={() => setQuestion("sysrq")}
        why={may(machine.id, "connect") ? undefined : t("vms.whyRight", { action: RIGHTS.connect })}
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

/** The one button that comes with a state: connect again, or take the keyboard. */
function Seating({ seat }: { seat: Seat }): ReactNode {
  const styles = useStyles();
  const { status } = useStore(seat.connection.store);
  if (!isOver(status)) {
    return (
      <ToolbarButton
        className={styles.seating}
        appearance="primary"
        icon={<KeyboardRegular />}
        onClick={() => takeKeyboard(seat)}
      >
        {t("console.take")}
      </ToolbarButton>
    );
  }
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

function takeKeyboard(seat: Seat): void {
  if (!seat.connection.ask("write")) seat.say(t("console.saidNotConnected"));
  seat.screen.focus();
}
