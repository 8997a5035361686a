import {
  Field,
  Input,
  MessageBar,
  MessageBarBody,
  MessageBarTitle,
  mergeClasses,
  Spinner,
} from "@fluentui/react-components";
import { ArrowDownloadRegular, GlobeAddRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useState } from "react";
import { Link as RouterLink } from "react-router";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView, usePoll } from "../../../components";
import { t } from "../../../text";
import { Card } from "../../shared/Card";
import { CommandLine } from "../../shared/CommandLine";
import { Facts } from "../../shared/Facts";
import { GuardedButton } from "../../shared/GuardedButton";
import { placeOf, vmPath } from "../../shared/resourceId";
import { saveAs } from "../../shared/saveAs";
import { useTableStyles } from "../../shared/tableStyles";
import { VmGate } from "../VmGate";
import { VmHeader } from "../VmHeader";
import { isWindows, type NoWay, noWay, PORTS, portOf, rdpFile, sshLine, userOf } from "./connect";
import { createAndAssign, type Reach, reachOf } from "./network";
import { useSupportStyles } from "./useStyles";

const SECONDS = 15;

export default function ConnectPage(): ReactNode {
  return (
    <>
      <VmHeader page={t("support.connect")} />
      <VmGate>{(vm) => <Ways vm={vm} />}</VmGate>
    </>
  );
}

function Ways({ vm }: { vm: VirtualMachine }): ReactNode {
  const styles = useSupportStyles();
  const named = JSON.stringify(vm.properties.networkProfile ?? {});
  // biome-ignore lint/correctness/useExhaustiveDependencies: the VM is read anew every few seconds; only its network counts
  const load = useCallback((signal: AbortSignal) => reachOf(vm, signal), [vm.id, named]);
  const { data, error, refresh } = usePoll(load, SECONDS);
  if (!data) {
    if (error !== undefined) return <ErrorView error={error} onRetry={() => void refresh()} />;
    return <Spinner aria-label={t("common.loading")} />;
  }
  return (
    <div className={mergeClasses(styles.root, styles.narrow)}>
      <p className={styles.text}>{t("support.connectIntro")}</p>
      <Obstacle vm={vm} reach={data} onEnd={refresh} />
      <Doors vm={vm} reach={data} />
    </div>
  );
}

/** Why nobody gets in from outside, and the remedy where there is one. */
function Obstacle(props: { vm: VirtualMachine; reach: Reach; onEnd: () => Promise<void> }): ReactNode {
  const { vm, reach, onEnd } = props;
  const styles = useSupportStyles();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const why = noWay(reach);
  if (!why) return null;
  const { card } = reach;

  async function mend(): Promise<void> {
    if (!card || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await createAndAssign(vm, card);
    } catch (thrown) {
      setError(thrown);
    } finally {
      await onEnd();
      setBusy(false);
    }
  }

  return (
    <>
      <MessageBar intent="warning" layout="multiline">
        <MessageBarBody className={styles.body}>
          <MessageBarTitle>{t("support.noWay")}</MessageBarTitle>
          <span>{whyNot(why)}</span>
          <span>{remedyFor(why)}</span>
          {why === "noAddress" && (
            <div>
              <GuardedButton
                icon={busy ? <Spinner size="tiny" /> : <GlobeAddRegular />}
                why={busy ? t("vms.whyBusy") : undefined}
                onClick={() => void mend()}
              >
                {t("support.createAssign")}
              </GuardedButton>
            </div>
          )}
        </MessageBarBody>
      </MessageBar>
      {error !== undefined && <ErrorView error={error} onRetry={() => void mend()} />}
    </>
  );
}

function Doors({ vm, reach }: { vm: VirtualMachine; reach: Reach }): ReactNode {
  const styles = useSupportStyles();
  const table = useTableStyles();
  const [user, setUser] = useState(userOf(vm));
  const obstacle = noWay(reach);
  const why = obstacle && whyNot(obstacle);
  const rdpPort = portOf(reach, "rdp");
  const sshPort = portOf(reach, "ssh");
  const address = reach.public?.properties.ipAddress;
  const rdp = (
    <Card key="rdp" title={t("support.rdp")}>
      <p className={styles.text}>{t("support.rdpWhat", { port: String(rdpPort ?? PORTS.rdp) })}</p>
      <div className={styles.buttons}>
        <GuardedButton
          appearance="primary"
          icon={<ArrowDownloadRegular />}
          why={why ?? (rdpPort === undefined ? t("support.noEndpoint") : undefined)}
          onClick={() => {
            if (address && rdpPort !== undefined)
              saveAs(`${vm.name}.rdp`, rdpFile(address, rdpPort, user.trim()), "application/x-rdp");
          }}
        >
          {t("support.rdpDownload")}
        </GuardedButton>
      </div>
    </Card>
  );
  const ssh = (
    <Card key="ssh" title={t("support.ssh")}>
      <p className={styles.text}>{t("support.sshWhat")}</p>
      {address && sshPort !== undefined ? (
        <CommandLine command={sshLine(address, sshPort, user.trim() || "USER")} />
      ) : (
        <p className={styles.faint}>{why ?? t("support.noEndpoint")}</p>
      )}
    </Card>
  );
  return (
    <>
      <Card title={t("support.where")}>
        <Facts
          facts={[
            { name: t("support.publicAddress"), value: address ?? t("common.none"), copy: address },
            {
              name: t("support.privateAddress"),
              value: reach.privateAddress ?? t("common.none"),
              copy: reach.privateAddress,
            },
            { name: t("support.card"), value: reach.card?.name ?? t("common.none") },
          ]}
        />
        <Field className={styles.field} label={t("support.user")} hint={t("support.userHint")}>
          <Input
            value={user}
            autoComplete="off"
            spellCheck={false}
            onChange={(_, data) => setUser(data.value)}
          />
        </Field>
      </Card>
      {isWindows(vm) ? [rdp, ssh] : [ssh, rdp]}
      <p className={styles.text}>
        {t("support.connectFails")}{" "}
        <RouterLink className={table.link} to={vmPath(placeOf(vm.id), "troubleshoot")}>
          {t("support.troubleshoot")}
        </RouterLink>
      </p>
    </>
  );
}

function whyNot(why: NoWay): string {
  switch (why) {
    case "noCard":
      return t("support.noCard");
    case "noAddress":
      return t("support.noAddress");
    case "notGiven":
      return t("support.notGiven");
  }
}

function remedyFor(why: NoWay): string {
  switch (why) {
    case "noCard":
      return t("support.noCardRemedy");
    case "noAddress":
      return t("support.noAddressRemedy");
    case "notGiven":
      return t("support.notGivenRemedy");
  }
}
