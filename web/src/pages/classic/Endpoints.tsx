import { MessageBar, MessageBarBody, MessageBarTitle, Spinner } from "@fluentui/react-components";
import { AddRegular, DeleteRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { ErrorView } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { GuardedButton } from "../shared/GuardedButton";
import { useTableStyles } from "../shared/tableStyles";
import { type ClassicVm, type Endpoint, hasRdp, withRdp, writeEndpoints } from "./classic";

/** Which public port leads to which port of the VM, and the one that Remote Desktop needs. */
export function Endpoints({ vm, onEnd }: { vm: ClassicVm; onEnd: () => Promise<void> }): ReactNode {
  const table = useTableStyles();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const endpoints = vm.properties.networkProfile.inputEndpoints;
  const why = busy ? t("vms.whyBusy") : undefined;

  async function write(wanted: readonly Endpoint[]): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await writeEndpoints(vm, wanted);
    } catch (thrown) {
      setError(thrown);
    } finally {
      await onEnd();
      setBusy(false);
    }
  }

  return (
    <Card title={t("classic.endpoints")} note={t("classic.endpointsNote")}>
      {!hasRdp(vm) && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>
            <MessageBarTitle>{t("classic.noRdp")}</MessageBarTitle>
            <div>
              <GuardedButton
                icon={busy ? <Spinner size="tiny" /> : <AddRegular />}
                why={why}
                onClick={() => void write(withRdp(endpoints))}
              >
                {t("classic.addRdp")}
              </GuardedButton>
            </div>
          </MessageBarBody>
        </MessageBar>
      )}
      <div className={table.box}>
        <table className={table.table} aria-label={t("classic.endpoints")}>
          <thead>
            <tr>
              <th scope="col" className={table.head}>
                {t("vms.columnName")}
              </th>
              <th scope="col" className={table.head}>
                {t("classic.publicPort")}
              </th>
              <th scope="col" className={table.head}>
                {t("classic.privatePort")}
              </th>
              <th scope="col" className={table.head} aria-label={t("classic.remove")} />
            </tr>
          </thead>
          <tbody>
            {endpoints.map((each) => (
              <tr key={each.endpointName} className={table.row}>
                <th scope="row" className={table.cell}>
                  {each.endpointName}
                </th>
                <td className={table.cell}>{each.publicPort}</td>
                <td className={table.cell}>{each.privatePort}</td>
                <td className={table.cell}>
                  <GuardedButton
                    appearance="subtle"
                    icon={<DeleteRegular />}
                    aria-label={t("classic.removeOne", { name: each.endpointName })}
                    why={why}
                    onClick={() => void write(endpoints.filter((other) => other !== each))}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {error !== undefined && <ErrorView error={error} onRetry={() => setError(undefined)} />}
    </Card>
  );
}
