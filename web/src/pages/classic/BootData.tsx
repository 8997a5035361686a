import { Button, Spinner } from "@fluentui/react-components";
import { DocumentTextRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { ErrorView } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { useTableStyles } from "../shared/tableStyles";
import { type BootPlaces, bootPlaces, type ClassicVm } from "./classic";

/** Where its log and its screen can be read for a while: it needs no right on the machine behind it. */
export function BootData({ vm }: { vm: ClassicVm }): ReactNode {
  const table = useTableStyles();
  const [busy, setBusy] = useState(false);
  const [places, setPlaces] = useState<BootPlaces>();
  const [error, setError] = useState<unknown>();

  async function ask(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      setPlaces(await bootPlaces(vm));
    } catch (thrown) {
      setPlaces(undefined);
      setError(thrown);
    } finally {
      setBusy(false);
    }
  }

  const links = [
    [t("classic.log"), places?.serialConsoleLogBlobUri],
    [t("classic.picture"), places?.consoleScreenshotBlobUri],
  ] as const;
  return (
    <Card title={t("vm.diagnostics")}>
      <div>
        <Button
          icon={busy ? <Spinner size="tiny" /> : <DocumentTextRegular />}
          disabledFocusable={busy}
          onClick={() => void ask()}
        >
          {t("classic.fetch")}
        </Button>
      </div>
      {places && (
        <ul>
          {links.map(([word, address]) =>
            address ? (
              <li key={word}>
                <a className={table.link} href={address} target="_blank" rel="noreferrer">
                  {word}
                </a>
              </li>
            ) : null,
          )}
        </ul>
      )}
      {error !== undefined && <ErrorView error={error} onRetry={() => void ask()} />}
    </Card>
  );
}
