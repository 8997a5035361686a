import {
  Button,
  Field,
  Input,
  MessageBar,
  MessageBarBody,
  MessageBarTitle,
  Select,
  Spinner,
} from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { arm, VERSIONS } from "../../../api/client";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView } from "../../../components";
import { t } from "../../../text";
import { Card } from "../../shared/Card";
import { GuardedButton } from "../../shared/GuardedButton";
import { placeOf } from "../../shared/resourceId";
import { subjectOf } from "../../vms/actions";
import { isWindows, PORTS, type Way } from "./connect";
import { question } from "./network";
import type { Walls } from "./RulesPage";
import {
  allowing,
  type EffectiveGroup,
  type FlowAnswer,
  type Missing,
  missing,
  numberOf,
  plainName,
  type SecurityRule,
} from "./rules";
import { useSupportStyles } from "./useStyles";

/** An address of the documentation's, as somebody on the internet has. */
const SOMEBODY = "203.0.113.10";
/** Any that a client may have. */
const CLIENT_PORT = "60000";

interface Props {
  vm: VirtualMachine;
  walls: Walls;
  onChanged: () => Promise<void>;
}

/** IP flow verify, set for Remote Desktop or SSH from outside; and the rule that is missing. */
export function FlowCard({ vm, walls, onChanged }: Props): ReactNode {
  const styles = useSupportStyles();
  const [way, setWay] = useState<Way>(isWindows(vm) ? "rdp" : "ssh");
  const [from, setFrom] = useState(SOMEBODY);
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<FlowAnswer>();
  const [error, setError] = useState<unknown>();
  const local = walls.reach.privateAddress;
  const isAddress = numberOf(from.trim()) !== undefined;

  async function verify(): Promise<void> {
    if (busy || !local || !isAddress) return;
    setBusy(true);
    setError(undefined);
    try {
      setAnswer(await flow(vm, local, from.trim(), PORTS[way]));
    } catch (thrown) {
      setAnswer(undefined);
      setError(thrown);
    } finally {
      setBusy(false);
    }
  }

  const change = (part: { way?: Way; from?: string }): void => {
    setAnswer(undefined);
    if (part.way) setWay(part.way);
    if (part.from !== undefined) setFrom(part.from);
  };

  return (
    <Card title={t("support.flow")}>
      <p className={styles.text}>{t("support.flowWhat")}</p>
      <form
        className={styles.fields}
        onSubmit={(event) => {
          event.preventDefault();
          void verify();
        }}
      >
        <Field label={t("support.flowWay")}>
          <Select value={way} onChange={(_, data) => change({ way: data.value === "ssh" ? "ssh" : "rdp" })}>
            <option value="rdp">{`${t("support.rdp")} (TCP ${PORTS.rdp})`}</option>
            <option value="ssh">{`${t("support.ssh")} (TCP ${PORTS.ssh})`}</option>
          </Select>
        </Field>
        <Field
          label={t("support.flowFrom")}
          {...(!isAddress && { validationState: "error", validationMessage: t("support.flowWrong") })}
        >
          <Input
            value={from}
            autoComplete="off"
            spellCheck={false}
            onChange={(_, data) => change({ from: data.value })}
          />
        </Field>
        <Field label={t("support.flowTo")}>
          <Input value={local ?? ""} readOnly />
        </Field>
      </form>
      <div>
        <Button
          appearance="primary"
          icon={busy ? <Spinner size="tiny" /> : null}
          disabledFocusable={busy || !isAddress}
          onClick={() => void verify()}
        >
          {t("support.verify")}
        </Button>
      </div>
      {error !== undefined && <ErrorView error={error} onRetry={() => void verify()} />}
      {answer && <Verdict answer={answer} way={way} />}
      {answer?.access === "Deny" && (
        <Mend
          vm={vm}
          way={way}
          groups={walls.groups}
          found={missing(walls.groups, PORTS[way], from.trim())}
          onChanged={async () => {
            await onChanged();
            await verify();
          }}
        />
      )}
    </Card>
  );
}

function Verdict({ answer, way }: { answer: FlowAnswer; way: Way }): ReactNode {
  const styles = useSupportStyles();
  const allowed = answer.access === "Allow";
  const rule = plainName(answer.ruleName);
  return (
    <MessageBar intent={allowed ? "success" : "error"} layout="multiline" role="status">
      <MessageBarBody className={styles.body}>
        <MessageBarTitle>{allowed ? t("support.flowAllowed") : t("support.flowDenied")}</MessageBarTitle>
        <span>{rule ? t("support.flowRule", { rule }) : t("support.flowNoRule")}</span>
        {allowed && <span>{t("support.flowNext", { port: String(PORTS[way]) })}</span>}
      </MessageBarBody>
    </MessageBar>
  );
}

interface MendProps {
  vm: VirtualMachine;
  way: Way;
  groups: readonly EffectiveGroup[];
  found: readonly Missing[];
  onChanged: () => Promise<void>;
}

/** The rules that would let it in, one button for all of them. */
function Mend({ vm, way, groups, found, onChanged }: MendProps): ReactNode {
  const styles = useSupportStyles();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const planned = found.map((each) => ({ each, rule: allowing(each, groups, PORTS[way], way) }));
  const full = planned.find(({ rule }) => rule === undefined);

  async function add(): Promise<void> {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      for (const { each, rule } of planned) if (rule) await write(vm, each.group, rule);
      await onChanged();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  }

  if (found.length === 0) return <p className={styles.text}>{t("support.nothingToAdd")}</p>;
  return (
    <div className={styles.root}>
      <ul className={styles.list}>
        {planned.map(({ each, rule }) => (
          <li key={each.group}>
            {each.shadowed
              ? t("support.shadowed", {
                  rule: plainName(each.shadowed.name),
                  by: plainName(each.by.name),
                  group: placeOf(each.group).name,
                })
              : t("support.missing", { port: String(PORTS[way]), group: placeOf(each.group).name })}{" "}
            {rule &&
              t("support.wouldAdd", {
                rule: rule.name,
                priority: rule.properties.priority,
                port: rule.properties.destinationPortRange,
              })}
          </li>
        ))}
      </ul>
      <p className={styles.faint}>{t("support.opensToAll")}</p>
      <div>
        <GuardedButton
          icon={busy ? <Spinner size="tiny" /> : <AddRegular />}
          why={full ? t("support.noRoom", { group: placeOf(full.each.group).name }) : undefined}
          onClick={() => void add()}
        >
          {t("support.addRule", { count: planned.length })}
        </GuardedButton>
      </div>
      {error !== undefined && <ErrorView error={error} onRetry={() => void add()} />}
    </div>
  );
}

function flow(vm: VirtualMachine, local: string, from: string, port: number): Promise<FlowAnswer> {
  const { subscription } = placeOf(vm.id);
  const watcher = `/subscriptions/${subscription}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_${vm.location ?? "local"}`;
  return question<FlowAnswer>(`${watcher}/ipFlowVerify`, {
    version: VERSIONS.network,
    body: {
      targetResourceId: vm.id,
      direction: "Inbound",
      protocol: "TCP",
      localIPAddress: local,
      localPort: String(port),
      remoteIPAddress: from,
      remotePort: CLIENT_PORT,
    },
  });
}

function write(vm: VirtualMachine, group: string, rule: SecurityRule): Promise<void> {
  return arm.begin(`${group}/securityRules/${rule.name}`, {
    method: "PUT",
    version: VERSIONS.network,
    body: { properties: rule.properties },
    title: t("support.noticeRule", { name: rule.name, group: placeOf(group).name }),
    subject: subjectOf(vm),
  });
}
