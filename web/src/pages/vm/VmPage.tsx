import { makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback } from "react";
import { Outlet, useParams } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import type { VirtualMachine } from "../../api/types";
import { usePoll } from "../../components";
import { placeOf, vmId } from "../shared/resourceId";
import { VmMenu } from "./VmMenu";
import { VmContext } from "./vmContext";

const SECONDS = 2.5;
/** Below this width the machine's menu lies above its pages. */
const NARROW = "@media (max-width: 899px)";

const useStyles = makeStyles({
  root: {
    display: "grid",
    gridTemplateColumns: "200px minmax(0, 1fr)",
    gridTemplateRows: "minmax(0, 1fr)",
    columnGap: tokens.spacingHorizontalXL,
    flex: "1 1 0",
    minHeight: 0,
    [NARROW]: {
      gridTemplateColumns: "minmax(0, 1fr)",
      gridTemplateRows: "auto minmax(0, 1fr)",
      rowGap: tokens.spacingVerticalM,
    },
  },
  page: { display: "flex", flexDirection: "column", minWidth: 0, minHeight: 0 },
});

/** Everything about one machine: its own menu, and the page chosen from it. */
export default function VmPage(): ReactNode {
  const styles = useStyles();
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
      <div className={styles.root}>
        <VmMenu place={place} />
        <div className={styles.page}>
          <Outlet />
        </div>
      </div>
    </VmContext>
  );
}
