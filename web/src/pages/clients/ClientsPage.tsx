import { Button, makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { AddRegular, AppsListRegular, ArrowClockwiseRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { Link, useNavigate } from "react-router";
import { Empty, ErrorView, PageHeader, StatusBadge, usePoll } from "../../components";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import { Listing } from "../shared/Listing";
import { useTableStyles } from "../shared/tableStyles";
import { useWhyNot } from "../shared/useRights";
import { AddClient } from "./AddClient";
import { type Client, clientPath, loadClients } from "./clients";
import { lifeWords, TONES, worstOf } from "./proofs";

const SECONDS = 30;

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
  id: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
});

const words = ({ name, appId }: Client): string => `${name} ${appId}`;

/** Programs that sign in by themselves. */
export default function ClientsPage(): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  const polled = usePoll(loadClients, SECONDS);
  const { data, error, loading, refresh } = polled;
  const why = useWhyNot("writeClients");
  const [adding, setAdding] = useState(false);
  return (
    <div className={styles.root}>
      <PageHeader
        title={t("frame.clients")}
        subtitle={t("clients.subtitle")}
        actions={
          <>
            <GuardedButton icon={<AddRegular />} why={why} onClick={() => setAdding(true)}>
              {t("clients.add")}
            </GuardedButton>
            <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
              {t("common.refresh")}
            </Button>
          </>
        }
      />
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && (
        <Listing
          items={data}
          words={words}
          search={t("clients.search")}
          polled={polled}
          empty={
            <Empty title={t("clients.none")} icon={<AppsListRegular />}>
              {t("clients.noneHint")}
            </Empty>
          }
        >
          {(rows) => <Table clients={rows} />}
        </Listing>
      )}
      <AddClient
        open={adding}
        onMade={(appId) => void navigate(clientPath({ appId }))}
        onClose={() => setAdding(false)}
      />
    </div>
  );
}

function Table({ clients }: { clients: readonly Client[] }): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("frame.clients")}>
        <thead>
          <tr>
            <th scope="col" className={table.head}>
              {t("groups.name")}
            </th>
            <th scope="col" className={table.head}>
              {t("users.state")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("clients.proofs")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wider)}>
              {t("clients.id")}
            </th>
          </tr>
        </thead>
        <tbody>
          {clients.map((client) => (
            <tr key={client.appId} className={table.row}>
              <th scope="row" className={mergeClasses(table.cell, table.name)}>
                <Link className={table.link} to={clientPath(client)}>
                  {client.name}
                </Link>
                {client.builtIn && <span className={table.faint}> ({t("clients.builtIn")})</span>}
                <span className={table.instead}>
                  <Proofs client={client} />
                </span>
              </th>
              <td className={table.cell}>
                <ClientState client={client} />
              </td>
              <td className={mergeClasses(table.cell, table.wide)}>
                <Proofs client={client} />
              </td>
              <td className={mergeClasses(table.cell, table.wider, styles.id)}>{client.appId}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Proofs({ client }: { client: Client }): ReactNode {
  const life = worstOf(client);
  if (!life) return t("clients.noProof");
  return <StatusBadge tone={TONES[life.health]}>{lifeWords(life)}</StatusBadge>;
}

/** Whether it can sign in. */
export function ClientState({ client: { program } }: { client: Client }): ReactNode {
  if (!program) return <StatusBadge tone="off">{t("clients.notIn")}</StatusBadge>;
  return program.accountEnabled ? (
    <StatusBadge tone="good">{t("users.enabled")}</StatusBadge>
  ) : (
    <StatusBadge tone="off">{t("users.disabled")}</StatusBadge>
  );
}
