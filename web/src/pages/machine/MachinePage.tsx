import { HistoryRegular, PersonKeyRegular, ServerRegular, WindowConsoleRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useMemo } from "react";
import { Outlet, useParams } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import type { ConnectedMachine } from "../../api/machines";
import { usePoll } from "../../components";
import { t } from "../../text";
import { useLocale } from "../../text/language";
import { type MenuEntry, type MenuPart, PageMenu } from "../shared/PageMenu";
import { machineId, machinePath, type Place, placeIn } from "../shared/resourceId";
import { hasConsole } from "./console";
import { MachineContext } from "./machineContext";

const SECONDS = 2.5;

/** Everything about one connected machine: its own menu, and the page chosen from it. */
export default function MachinePage(): ReactNode {
  const params = useParams();
  useLocale();
  const { sub, group, name } = params;
  const place = useMemo(() => placeIn({ sub, group, name }), [sub, group, name]);
  const id = machineId(place);
  const load = useCallback(
    (signal: AbortSignal) =>
      arm.get<ConnectedMachine>(id, {
        version: VERSIONS.hybridCompute,
        query: { $expand: "instanceView" },
        signal,
      }),
    [id],
  );
  const polled = usePoll(load, SECONDS);
  return (
    <MachineContext value={{ place, id, polled }}>
      <PageMenu
        label={t("machine.menu", { name: place.name })}
        parts={menuOf(place, hasConsole(polled.data))}
      >
        <Outlet />
      </PageMenu>
    </MachineContext>
  );
}

function menuOf(place: Place, console: boolean): MenuPart[] {
  const to = (page: string, label: string, icon: ReactNode): MenuEntry => ({
    to: machinePath(place, page),
    label,
    icon,
    end: true,
  });
  return [
    {
      entries: [
        to("", t("frame.overview"), <ServerRegular />),
        to("activity", t("frame.activityLog"), <HistoryRegular />),
        to("access", t("frame.access"), <PersonKeyRegular />),
        ...(console ? [to("console", t("frame.serialConsole"), <WindowConsoleRegular />)] : []),
      ],
    },
  ];
}
