import {
  ArrowCounterclockwiseRegular,
  DesktopRegular,
  HeartPulseRegular,
  HistoryRegular,
  KeyResetRegular,
  NetworkCheckRegular,
  PersonKeyRegular,
  PlugConnectedRegular,
  PowerRegular,
  ServerRegular,
  ShieldTaskRegular,
  StethoscopeRegular,
  WindowConsoleRegular,
  WrenchScrewdriverRegular,
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
        to("connect", t("support.connect"), <PlugConnectedRegular />),
        to("activity", t("vm.activity"), <HistoryRegular />),
        to("access", t("vm.access"), <PersonKeyRegular />),
      ],
    },
    {
      heading: t("vm.support"),
      entries: [
        to("troubleshoot", t("support.menuTroubleshoot"), <WrenchScrewdriverRegular />),
        to("health", t("support.menuHealth"), <HeartPulseRegular />),
        to("console", t("vm.console"), <WindowConsoleRegular />),
        to("diagnostics", t("vm.diagnostics"), <StethoscopeRegular />),
        to("password", t("support.menuPassword"), <KeyResetRegular />),
        to("rules", t("support.menuRules"), <ShieldTaskRegular />),
        to("nic", t("nic.title"), <NetworkCheckRegular />),
        to("redeploy", t("support.redeploy"), <ServerRegular />),
        to("reset", t("vm.reset"), <PowerRegular />),
        to("restart", t("vm.restart"), <ArrowCounterclockwiseRegular />),
      ],
    },
  ];
}
