import {
  ArrowCounterclockwiseRegular,
  DesktopRegular,
  HistoryRegular,
  PersonKeyRegular,
  PowerRegular,
  StethoscopeRegular,
  WindowConsoleRegular,
} from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../text";
import type { MenuEntry, MenuPart } from "../shared/PageMenu";
import { type Place, vmPath } from "../shared/resourceId";

/** The pages of one machine. */
export function vmMenu(place: Place): MenuPart[] {
  const to = (page: string, label: string, icon: ReactNode): MenuEntry => ({
    to: vmPath(place, page),
    label,
    icon,
    end: true,
  });
  return [
    {
      entries: [
        to("", t("vm.overview"), <DesktopRegular />),
        to("activity", t("vm.activity"), <HistoryRegular />),
        to("access", t("vm.access"), <PersonKeyRegular />),
      ],
    },
    {
      heading: t("vm.support"),
      entries: [
        to("console", t("vm.console"), <WindowConsoleRegular />),
        to("diagnostics", t("vm.diagnostics"), <StethoscopeRegular />),
        to("reset", t("vm.reset"), <PowerRegular />),
        to("restart", t("vm.restart"), <ArrowCounterclockwiseRegular />),
      ],
    },
  ];
}
