/** What happened, in words. */

import type { Tone } from "../../components";
import { t } from "../../text";
import type { Deed } from "./deeds";

/** "Start virtual machine"; an action without words of its own keeps its name. */
export function deedWords({ verb, noun, steps }: Pick<Deed, "verb" | "noun" | "steps">): string {
  const thing = nounWord(noun);
  switch (verb.toLowerCase()) {
    case "start":
      return t("activity.verbStart", { noun: thing });
    case "restart":
      return t("activity.verbRestart", { noun: thing });
    case "poweroff":
      return t("activity.verbPowerOff", { noun: thing });
    case "deallocate":
      return t("activity.verbDeallocate", { noun: thing });
    case "write":
      return t("activity.verbWrite", { noun: thing });
    case "delete":
      return t("activity.verbDelete", { noun: thing });
    case "connect":
      return t("activity.verbConnect");
    case "session":
      return t("activity.verbSession");
    case "refusal":
      return t("activity.verbRefusal");
    case "keyboard": {
      const { keyboard, with: other } = steps[0]?.properties ?? {};
      return keyboardWord(String(keyboard ?? ""), typeof other === "string" ? other : undefined);
    }
    case "endlogin":
      return t("activity.verbEndLogin");
    case "nmi":
      return t("activity.verbNmi");
    case "ctrlaltdel":
      return t("activity.verbCtrlAltDel");
    case "sysrq":
      return t("activity.verbSysrq");
    case "reset":
      return t("activity.verbReset");
    case "screenshot":
      return t("activity.verbScreenshot");
    case "tail":
      return t("activity.verbTail");
    case "retrievebootdiagnosticsdata":
      return t("activity.verbDiagnostics");
    case "signin":
      return t("activity.verbSignIn");
    case "signout":
      return t("activity.verbSignOut");
    case "lock":
      return t("activity.verbLock");
    case "changepassword":
      return t("activity.verbChangePassword");
    case "allowdevice":
      return t("activity.verbAllowDevice");
    case "denydevice":
      return t("activity.verbDenyDevice");
    case "endsession":
      return t("activity.verbEndSession");
    case "disableconsole":
      return t("activity.verbDisableConsole");
    case "enableconsole":
      return t("activity.verbEnableConsole");
    default:
      return t("activity.verbOther", { verb, noun: thing });
  }
}

/** What became of the keyboard for a person, by what the log calls it; `other` is whom it was between. */
export function keyboardWord(what: string, other: string = t("activity.somebody")): string {
  const values = { other };
  switch (what) {
    case "asked":
      return t("activity.keyboardAsked", values);
    case "declined":
      return t("activity.keyboardDeclined", values);
    case "unanswered":
      return t("activity.keyboardUnanswered", values);
    case "withdrawn":
      return t("activity.keyboardWithdrawn");
    case "taken":
      return t("activity.keyboardTaken", values);
    case "given":
      return t("activity.keyboardGiven", values);
    case "granted":
      return t("activity.keyboardGranted");
    case "handed over":
      return t("activity.keyboardHanded", values);
    case "given back":
      return t("activity.keyboardBack");
    default:
      return t("activity.keyboardRefused");
  }
}

function nounWord(noun: string): string {
  switch (noun.toLowerCase()) {
    case "virtualmachines":
      return t("activity.nounVirtualMachines");
    case "resourcegroups":
      return t("activity.nounResourceGroups");
    case "machines":
      return t("activity.nounMachines");
    case "roleassignments":
      return t("activity.nounRoleAssignments");
    case "users":
      return t("activity.nounUsers");
    default:
      return noun;
  }
}

export function statusWord(status: string): string {
  switch (status) {
    case "Accepted":
      return t("activity.accepted");
    case "Started":
      return t("activity.started");
    case "Succeeded":
      return t("activity.succeeded");
    case "Failed":
      return t("activity.failed");
    default:
      return status;
  }
}

export function statusTone(status: string): Tone {
  switch (status) {
    case "Succeeded":
      return "good";
    case "Failed":
      return "bad";
    case "Accepted":
    case "Started":
      return "busy";
    default:
      return "unknown";
  }
}

/** How long it took. */
export function durationWord({ began, ended }: Pick<Deed, "began" | "ended">): string {
  const seconds = Math.round((Date.parse(ended) - Date.parse(began)) / 1000);
  return seconds < 1 ? t("activity.instant") : t("activity.seconds", { count: seconds });
}
