/** What is asked before something is done from a console: each says what is lost by it. */

import type { ReactNode } from "react";
import { Confirm } from "../../components";
import { lossesFor } from "../../pages/vm/DeedQuestion";
import { act } from "../../pages/vms/actions";
import { lossesOf, titleFor, verbOf } from "../../pages/vms/PowerQuestion";
import { t } from "../../text";
import { sendCtrlAltDel, sendNmi, sendReset } from "../deeds";
import type { Seat } from "../seat";
import type { Paste } from "../terminal/paste";
import { DownloadDialog } from "./DownloadDialog";
import { PasteDialog } from "./PasteDialog";
import { SysrqDialog } from "./SysrqDialog";

export type Question = "nmi" | "ctrlAltDel" | "reset" | "restart" | "sysrq" | "download";

interface Props {
  seat: Seat;
  question: Question | null;
  onClose: () => void;
}

export function Questions({ seat, question, onClose }: Props): ReactNode {
  const { machine } = seat;
  const { name } = machine;
  switch (question) {
    case "download":
      return <DownloadDialog seat={seat} onClose={onClose} />;
    case "sysrq":
      return <SysrqDialog seat={seat} onClose={onClose} />;
    case "nmi":
      return (
        <Confirm
          open
          title={t("console.nmiTitle", { name })}
          loses={[t("console.nmiLoss1"), t("console.nmiLoss2")]}
          confirm={t("console.nmiConfirm")}
          asksWhy
          onConfirm={async (reason) => seat.say(await sendNmi(machine, reason))}
          onClose={onClose}
        />
      );
    case "ctrlAltDel":
      return (
        <Confirm
          open
          title={t("console.ctrlAltDelTitle", { name })}
          loses={[t("console.ctrlAltDelLoss1"), t("console.ctrlAltDelLoss2")]}
          confirm={t("console.sendCtrlAltDel")}
          asksWhy
          onConfirm={async (reason) => seat.say(await sendCtrlAltDel(machine, reason))}
          onClose={onClose}
        />
      );
    case "reset":
      return (
        <Confirm
          open
          title={t("console.resetTitle", { name })}
          loses={lossesFor("reset")}
          confirm={t("console.reset")}
          asksWhy
          onConfirm={async (reason) => seat.say(await sendReset(machine, reason))}
          onClose={onClose}
        />
      );
    case "restart":
      return (
        <Confirm
          open
          title={titleFor("restart", 1, name)}
          loses={lossesOf("restart")}
          confirm={verbOf("restart")}
          // It takes as long as the guest needs to shut down, which is seen in the console: not waited for here.
          asksWhy
          onConfirm={(reason) => void act("restart", { ...machine, reason }).catch(() => undefined)}
          onClose={onClose}
        />
      );
    default:
      return null;
  }
}

interface PasteProps {
  seat: Seat;
  paste: Paste;
  onClose: () => void;
}

export function PasteQuestion({ seat, paste, onClose }: PasteProps): ReactNode {
  return (
    <PasteDialog
      paste={paste}
      bracketed={seat.screen.bracketed}
      onPaste={() => seat.typePaste(paste)}
      onClose={onClose}
    />
  );
}
