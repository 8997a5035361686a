import { useEffect, useState } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { VirtualMachine } from "../../api/types";
import { isMachine } from "../../pages/shared/resourceId";
import { isSimulator } from "../../pages/vms/simulator";

/** Whether a machine only plays another one; false while that is not known. */
export function useSimulator(vmId: string): boolean {
  const [simulator, setSimulator] = useState(false);
  useEffect(() => {
    if (isMachine(vmId)) return;
    const ending = new AbortController();
    arm
      .get<VirtualMachine>(vmId, { version: VERSIONS.compute, signal: ending.signal })
      .then((vm) => setSimulator(isSimulator(vm)))
      // Whoever may not read it is told so by the console itself.
      .catch(() => undefined);
    return () => ending.abort();
  }, [vmId]);
  return simulator;
}
