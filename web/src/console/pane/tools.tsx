/** What the toolbar of a console offers, as data: the same list fills the bar, its overflow and the menu of keys. */

import {
  AccessibilityRegular,
  ArrowClockwiseRegular,
  ArrowDownloadRegular,
  ArrowResetRegular,
  ClipboardPasteRegular,
  CopyRegular,
  CopySelectRegular,
  EraserRegular,
  FontDecreaseRegular,
  FontIncreaseRegular,
  FullScreenMaximizeRegular,
  FullScreenMinimizeRegular,
  HistoryRegular,
  KeyboardDockRegular,
  KeyboardRegular,
  OpenRegular,
  PlugDisconnectedRegular,
  ResizeRegular,
  SearchRegular,
  TextFontSizeRegular,
  TextWrapRegular,
  WrenchRegular,
} from "@fluentui/react-icons";
import type { ReactElement } from "react";
import { isMachine } from "../../pages/shared/resourceId";
import { RIGHTS, type Right } from "../../pages/shared/rights";
import type { May } from "../../pages/shared/useRights";
import { t } from "../../text";
import { prefer, preferences } from "../preferences";
import type { Seat } from "../seat";
import type { Snapshot } from "../snapshot";
import { USUAL_SIZE } from "../terminal/options";
import { isOver } from "./states";
import { keyboardLock } from "./useFilling";

export interface Tool {
  readonly id: string;
  readonly label: string;
  readonly icon: ReactElement;
  readonly run: () => void;
  /** More words, for a tooltip or a second line. */
  readonly hint?: string;
  /** Why it cannot be used now. */
  readonly why?: string | undefined;
  /** For a tool that is on or off. */
  readonly on?: boolean;
}

/** What the pane does itself. */
export interface PaneTools {
  readonly filling: boolean;
  /** In a window of its own already. */
  readonly alone: boolean;
  toggleFilling(): void;
  find(): void;
  download(): void;
  reset(): void;
  restart(): void;
}

/** What only something that runs the machine can do: nobody runs a server that has its own console. */
const OF_VMS: ReadonlySet<Right> = new Set(["nmi", "ctrlAltDel", "reset", "restart"]);

/** Undefined when one of the rights is held, which each suffices; else what is missing, in words. */
export function whyNot(may: May, scope: string, ...enough: readonly Right[]): string | undefined {
  if (isMachine(scope) && enough.some((right) => OF_VMS.has(right))) return t("console.notOfServers");
  const [first] = enough;
  if (first === undefined || enough.some((right) => may(scope, right))) return undefined;
  return t("vms.whyRight", { action: RIGHTS[first] });
}

/** In the bar, as far as there is room. */
export function barTools(seat: Seat, pane: PaneTools, may: May): readonly Tool[] {
  const { id } = seat.machine;
  const lacking = (...enough: readonly Right[]): string | undefined => whyNot(may, id, ...enough);
  return [
    { id: "find", label: t("console.find"), icon: <SearchRegular />, run: pane.find, hint: "Ctrl+Shift+F" },
    {
      id: "history",
      label: t("console.historyOpen"),
      icon: <HistoryRegular />,
      run: () => seat.request.set({ kind: "history", back: false }),
      hint: t("console.historyHint"),
    },
    {
      id: "full",
      label: t(pane.filling ? "console.leaveFullScreen" : "console.fullScreen"),
      icon: pane.filling ? <FullScreenMinimizeRegular /> : <FullScreenMaximizeRegular />,
      run: pane.toggleFilling,
      ...(!keyboardLock && { hint: t("console.escLeaves") }),
    },
    {
      id: "restart",
      label: t("console.restart"),
      icon: <ArrowClockwiseRegular />,
      run: pane.restart,
      why: lacking("restart"),
    },
    {
      id: "reset",
      label: t("console.reset"),
      icon: <ArrowResetRegular />,
      run: pane.reset,
      why: lacking("reset", "connect"),
    },
    ...(pane.alone
      ? []
      : [{ id: "popOut", label: t("console.popOut"), icon: <OpenRegular />, run: () => seat.popOut() }]),
    {
      id: "download",
      label: t("console.download"),
      icon: <ArrowDownloadRegular />,
      run: pane.download,
      hint: t("console.downloadHint"),
    },
  ];
}

/** Only in the menu "More". */
export function moreTools(seat: Seat, { status }: Snapshot): readonly Tool[] {
  const { fontSize, screenReader, wrap, keyBar, sizeAfterLogin } = preferences.get();
  const { rows, cols } = seat.screen.size;
  const types =
    status.kind === "attached" && status.mode === "write" ? undefined : t("console.saidNotTyping");
  return [
    {
      id: "copy",
      label: t("console.copySelection"),
      icon: <CopyRegular />,
      run: () => void seat.copySelection(),
      hint: "Ctrl+Shift+C",
    },
    {
      id: "copyAll",
      label: t("console.copyAll"),
      icon: <CopySelectRegular />,
      run: () => void seat.copy(seat.screen.text),
    },
    {
      id: "paste",
      label: t("console.paste"),
      icon: <ClipboardPasteRegular />,
      run: () => void seat.pasteFromClipboard(),
      hint: "Ctrl+Shift+V",
      why: types,
    },
    {
      id: "larger",
      label: t("console.larger"),
      icon: <FontIncreaseRegular />,
      run: () => prefer({ fontSize: fontSize + 1 }),
      hint: "Ctrl++",
    },
    {
      id: "smaller",
      label: t("console.smaller"),
      icon: <FontDecreaseRegular />,
      run: () => prefer({ fontSize: fontSize - 1 }),
      hint: "Ctrl+-",
    },
    {
      id: "usual",
      label: t("console.usualSize"),
      icon: <TextFontSizeRegular />,
      run: () => prefer({ fontSize: USUAL_SIZE }),
      hint: "Ctrl+0",
    },
    {
      id: "tellSize",
      label: t("console.tellSize"),
      icon: <ResizeRegular />,
      run: () => seat.tellSize(),
      hint: t("console.tellSizeHint", { rows, cols }),
      why: types,
    },
    {
      id: "matchSize",
      label: t("console.matchSize"),
      icon: <ResizeRegular />,
      run: () => seat.matchSize(),
      hint: t("console.matchSizeHint"),
      on: seat.screen.letterbox !== null,
    },
    {
      id: "sizeAfterLogin",
      label: t("console.sizeAfterLogin"),
      icon: <ResizeRegular />,
      run: () => prefer({ sizeAfterLogin: !sizeAfterLogin }),
      on: sizeAfterLogin,
    },
    {
      id: "keyBar",
      label: t("console.keyBar"),
      icon: <KeyboardRegular />,
      run: () => prefer({ keyBar: !keyBar }),
      hint: t("console.keyBarHint"),
      on: keyBar,
    },
    {
      id: "clear",
      label: t("console.clear"),
      icon: <EraserRegular />,
      run: () => seat.screen.clear(),
      hint: t("console.clearHint"),
    },
    {
      id: "repair",
      label: t("console.repair"),
      icon: <WrenchRegular />,
      run: () => seat.screen.restore(),
      hint: t("console.repairHint"),
    },
    {
      id: "wrap",
      label: t("console.wrap"),
      icon: <TextWrapRegular />,
      run: () => prefer({ wrap: !wrap }),
      hint: t("console.wrapHint"),
      on: wrap,
    },
    {
      id: "reader",
      label: t("console.screenReader"),
      icon: <AccessibilityRegular />,
      run: () => {
        prefer({ screenReader: !screenReader });
        seat.say(t(screenReader ? "console.saidScreenReaderOff" : "console.saidScreenReaderOn"));
      },
      on: screenReader,
    },
    ...(status.kind === "attached" && status.mode === "write"
      ? [
          {
            id: "giveBack",
            label: t("console.giveBack"),
            icon: <KeyboardDockRegular />,
            run: () => void seat.connection.ask("release"),
            hint: t("console.giveBackHint"),
          },
        ]
      : []),
    ...(isOver(status)
      ? []
      : [
          {
            id: "disconnect",
            label: t("console.disconnect"),
            icon: <PlugDisconnectedRegular />,
            run: () => seat.connection.leave(),
          },
        ]),
  ];
}
