import { type ReactNode, useCallback, useMemo } from "react";
import { Outlet, useParams } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import type { VirtualMachine } from "../../api/types";
import { usePoll } from "../../components";
import { t } from "../../text";
import { useLocale } from "../../text/language";
import { PageMenu } from "../shared/PageMenu";
import { placeIn, vmId } from "../shared/resourceId";
import { VmContext } from "./vmContext";
import { vmMenu } from "./vmMenu";

const SECONDS = 2.5;

/** Everything about one machine: its own menu, and the page chosen from it. */
export default function VmPage(): ReactNode {
  const params = useParams();
  useLocale();
  const { sub, group, name, number } = params;
  const place = useMemo(() => placeIn({ sub, group, name, number }), [sub, group, name, number]);
  const id = vmId(place);
  const load = useCallback(
    (signal: AbortSignal) =>
      arm.get<VirtualMachine>(id, { version: VERSIONS.compute, query: { $expand: "instanceView" }, signal }),
    [id],
  );
  const polled = usePoll(load, SECONDS);
  return (
    <VmContext value={{ place, id, polled }}>
      <PageMenu label={t("vm.menu", { name: place.name })} parts={vmMenu(place)}>
        <Outlet />
      </PageMenu>
    </VmContext>
  );
}
