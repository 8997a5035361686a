import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { Confirm, ErrorView, PageHeader, StatusBadge } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { CommandLine } from "../shared/CommandLine";
import { FileField } from "../shared/FileField";
import { GuardedButton } from "../shared/GuardedButton";
import { useWhyNot } from "../shared/useRights";
import { ChangeTable } from "./ChangeTable";
import { bring, type Change, download, parsed, tried } from "./document";

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
  text: { margin: 0 },
});

/** The directory as one document. */
export default function DocumentPage(): ReactNode {
  const styles = useStyles();
  return (
    <div className={styles.root}>
      <PageHeader title={t("frame.directory")} subtitle={t("directory.subtitle")} />
      <Out />
      <In />
    </div>
  );
}

function Out(): ReactNode {
  const styles = useStyles();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  async function go(): Promise<void> {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await download();
    } catch (thrown) {
      setError(thrown);
    }
    setBusy(false);
  }

  return (
    <Card title={t("directory.out")}>
      <p className={styles.text}>{t("directory.outText")}</p>
      <div>
        <Button
          icon={busy ? <Spinner size="tiny" /> : <ArrowDownloadRegular />}
          disabledFocusable={busy}
          onClick={() => void go()}
        >
          {t("directory.download")}
        </Button>
      </div>
      {error !== undefined && <ErrorView error={error} onRetry={() => void go()} />}
      <p className={styles.text}>{t("directory.outHashes")}</p>
      <CommandLine command="oob identity export directory.json --with-password-hashes" />
    </Card>
  );
}

/** What was found in a file, and how far it has come. */
interface Reading {
  name: string;
  document: unknown;
  changes: readonly Change[];
  done: boolean;
}

function In(): ReactNode {
  const styles = useStyles();
  const people = useWhyNot("writeUsers");
  const groups = useWhyNot("writeGroups");
  const clients = useWhyNot("writeClients");
  const why = people ?? groups ?? clients;
  const [reading, setReading] = useState<Reading>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [asking, setAsking] = useState(false);

  async function read(file: File): Promise<void> {
    setReading(undefined);
    setError(undefined);
    setBusy(true);
    try {
      const document = parsed(await file.text());
      setReading({ name: file.name, document, changes: await tried(document), done: false });
    } catch (thrown) {
      setError(thrown);
    }
    setBusy(false);
  }

  async function go(from: Reading): Promise<void> {
    setReading({ ...from, changes: await bring(from.document), done: true });
  }

  return (
    <Card title={t("directory.in")}>
      <p className={styles.text}>{why ?? t("directory.inText")}</p>
      <FileField
        label={t("directory.file")}
        accept=".json,application/json"
        disabled={why !== undefined || busy}
        onFile={(file) => void read(file)}
      />
      {busy && <Spinner size="small" label={t("directory.trying")} />}
      {error !== undefined && <ErrorView error={error} />}
      {reading && (
        <>
          <div role="status">
            <StatusBadge tone={reading.changes.length === 0 || reading.done ? "good" : "warning"}>
              {said(reading)}
            </StatusBadge>
          </div>
          {reading.changes.length > 0 && <ChangeTable changes={reading.changes} />}
          {reading.changes.length > 0 && !reading.done && (
            <div>
              <GuardedButton appearance="primary" why={why} onClick={() => setAsking(true)}>
                {t("directory.bring")}
              </GuardedButton>
            </div>
          )}
        </>
      )}
      <Confirm
        open={asking}
        title={t("directory.bringTitle", { name: reading?.name ?? "" })}
        loses={[
          t("directory.bringLoss1", { count: reading?.changes.length ?? 0 }),
          t("directory.bringLoss2"),
        ]}
        confirm={t("directory.bring")}
        onConfirm={() => reading && go(reading)}
        onClose={() => setAsking(false)}
      />
    </Card>
  );
}

function said({ name, changes, done }: Reading): string {
  if (done) return t("directory.done", { name, count: changes.length });
  return changes.length === 0
    ? t("directory.nothing", { name })
    : t("directory.would", { name, count: changes.length });
}
