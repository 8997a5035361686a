import type { ReactNode } from "react";
import { t } from "../../text";
import { PlacedAccess } from "../access/PlacedAccess";
import { VmHeader } from "./VmHeader";
import { useVm } from "./vmContext";

export default function AccessPage(): ReactNode {
  const { place, id } = useVm();
  return (
    <>
      <VmHeader page={t("vm.access")} />
      <PlacedAccess id={id} place={place} />
    </>
  );
}
