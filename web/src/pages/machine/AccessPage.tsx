import type { ReactNode } from "react";
import { t } from "../../text";
import { PlacedAccess } from "../access/PlacedAccess";
import { MachineHeader } from "./MachineHeader";
import { useMachine } from "./machineContext";

export default function AccessPage(): ReactNode {
  const { place, id } = useMachine();
  return (
    <>
      <MachineHeader page={t("frame.access")} />
      <PlacedAccess id={id} place={place} />
    </>
  );
}
