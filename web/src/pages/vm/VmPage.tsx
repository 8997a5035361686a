import { type ReactNode, useCallback } from "react";
import { Outlet, useParams } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import type { VirtualMachine } from "../../api/types";
import { usePoll } from "../../components";
import { t } from "../../text";
import { PageMenu } from "../shared/PageMenu";
import { placeOf, vmId } from "../shared/resourceId";
import { VmContext } from "./vmContext";
import { vmMenu } from "./vmMenu";

const SECONDS = 2.5;

/** Everything about one machine: its own menu, and the page chosen from it. */
export default function VmPage(): ReactNode {
  const params = useParams();
  const id = vmId({
    subscription: params["sub"] ?? "",
    group: params["group"] ?? "",
    name: params["name"] ?? "",
  });
  const load = useCallback(
    (signal: AbortSignal) =>
      arm.get<VirtualMachine>(id, { version: VERSIONS.compute, query: { $expand: "instanceView" }, signal }),
    [id],
  );
  const polled = usePoll(load, SECONDS);
  const place = placeOf(id);
  return (
    <VmContext value={{ place, id, polled }}>
      <PageMenu label={t("vm.menu", { name: place.name })} parts={vmMenu(place)}>
        <Outlet />
      </PageMenu>
    </VmContext>
  );
}
