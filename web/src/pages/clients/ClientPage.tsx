import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import {
  ArrowClockwiseRegular,
  DeleteRegular,
  PersonAvailableRegular,
  PersonProhibitedRegular,
} from "@fluentui/react-icons";
import { type ReactNode, useCallback, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { useAuth } from "../../auth";
import { Confirm, Empty, ErrorView, PageHeader, usePoll, When } from "../../components";
import { t } from "../../text";
import { toPerson } from "../access/directory";
import { GroupsCard } from "../identity/GroupsCard";
import { RolesCard } from "../identity/RolesCard";
import { Card } from "../shared/Card";
import { Facts } from "../shared/Facts";
import { GuardedButton } from "../shared/GuardedButton";
import { useWhyNot } from "../shared/useRights";
import { CertificatesCard } from "./CertificatesCard";
import { ClientState } from "./ClientsPage";
import {
  type Client,
  certificatesOf,
  letIn,
  loadClient,
  removeClient,
  secretsOf,
  setClientEnabled,
} from "./clients";
import { SecretsCard } from "./SecretsCard";

const SECONDS = 30;

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
});

/** One program: by what it proves itself, and what it may do. */
export default function ClientPage(): ReactNode {
  const styles = useStyles();
  const appId = useParams()["appId"] ?? "";
  const load = useCallback(
    async (signal: AbortSignal) => ({ client: await loadClient(appId, signal) }),
    [appId],
  );
  const { data, error, loading, refresh } = usePoll(load, SECONDS);
  return (
    <div className={styles.root}>
      {!data?.client && <PageHeader title={t("clients.client")} subtitle={appId} />}
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && !data.client && <Empty title={t("clients.unknown")}>{t("clients.unknownHint")}</Empty>}
      {data?.client && <Whole key={data.client.appId} client={data.client} refresh={refresh} />}
    </div>
  );
}

interface Props {
  client: Client;
  refresh: () => Promise<void>;
}

type Deed = "disable" | "enable" | "remove";

function Whole({ client, refresh }: Props): ReactNode {
  const navigate = useNavigate();
  const { user } = useAuth();
  const lacking = useWhyNot("writeClients");
  const [asked, setAsked] = useState<Deed>();
  const [failure, setFailure] = useState<unknown>();
  const { name, appId, program } = client;
  const off = program?.accountEnabled === false;
  const own = client.builtIn ? t("clients.whyBuiltIn") : undefined;

  async function enter(): Promise<void> {
    setFailure(undefined);
    try {
      await letIn(client);
    } catch (thrown) {
      setFailure(thrown);
    }
    void refresh();
  }

  async function act(deed: Deed): Promise<void> {
    if (deed === "remove") {
      await removeClient(client);
      void navigate("/identity/clients", { replace: true });
    } else {
      await setClientEnabled(client, deed === "enable");
      void refresh();
    }
  }

  return (
    <>
      <PageHeader
        title={name}
        subtitle={client.builtIn ? t("clients.whyBuiltIn") : t("clients.client")}
        status={<ClientState client={client} />}
        actions={
          <>
            {program ? (
              <GuardedButton
                icon={off ? <PersonAvailableRegular /> : <PersonProhibitedRegular />}
                why={lacking ?? (off ? undefined : own)}
                onClick={() => setAsked(off ? "enable" : "disable")}
              >
                {t(off ? "users.enable" : "users.disable")}
              </GuardedButton>
            ) : (
              <GuardedButton icon={<PersonAvailableRegular />} why={lacking} onClick={() => void enter()}>
                {t("clients.letIn")}
              </GuardedButton>
            )}
            <GuardedButton icon={<DeleteRegular />} why={lacking ?? own} onClick={() => setAsked("remove")}>
              {t("users.remove")}
            </GuardedButton>
            <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
              {t("common.refresh")}
            </Button>
          </>
        }
      />
      {failure !== undefined && <ErrorView error={failure} />}
      <Card title={t("clients.about")}>
        <Facts
          facts={[
            { name: t("clients.id"), value: appId, copy: appId, long: true },
            { name: t("clients.tenant"), value: user.tenantId, copy: user.tenantId, long: true },
            ...(program
              ? [{ name: t("users.objectId"), value: program.id, copy: program.id, long: true }]
              : []),
            {
              name: t("users.since"),
              value: client.created ? <When at={client.created} /> : t("common.none"),
              long: true,
            },
          ]}
        />
      </Card>
      <SecretsCard client={client} why={lacking} refresh={refresh} />
      <CertificatesCard client={client} why={lacking} refresh={refresh} />
      {program && (
        <>
          <RolesCard who={toPerson(program)} />
          <GroupsCard id={program.id} />
        </>
      )}
      <Confirm
        open={asked !== undefined}
        title={t(`clients.${asked ?? "disable"}Title`, { name })}
        loses={lossesOf(asked ?? "disable", client)}
        confirm={t(`users.${asked ?? "disable"}`)}
        onConfirm={() => asked && act(asked)}
        onClose={() => setAsked(undefined)}
      />
    </>
  );
}

function lossesOf(deed: Deed, client: Client): string[] {
  switch (deed) {
    case "disable":
      return [t("clients.disableLoss1"), t("clients.disableLoss2")];
    case "enable":
      return [t("clients.enableLoss")];
    case "remove":
      return [
        t("clients.removeLoss1", {
          secrets: secretsOf(client).length,
          certificates: certificatesOf(client).length,
        }),
        t("clients.removeLoss2"),
      ];
  }
}
