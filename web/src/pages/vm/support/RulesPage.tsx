import { mergeClasses, Spinner } from "@fluentui/react-components";
import { type ReactNode, useCallback } from "react";
import { VERSIONS } from "../../../api/client";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView, type Polled, StatusBadge, usePoll } from "../../../components";
import { t } from "../../../text";
import { Card } from "../../shared/Card";
import { placeOf } from "../../shared/resourceId";
import { useTableStyles } from "../../shared/tableStyles";
import { VmGate } from "../VmGate";
import { VmHeader } from "../VmHeader";
import { FlowCard } from "./FlowCard";
import { question, type Reach, reachOf } from "./network";
import { type EffectiveGroup, type EffectiveRule, inOrder, isDefault, plainName } from "./rules";
import { useSupportStyles } from "./useStyles";

/** What a person sees of a VM's rules. */
export interface Walls {
  reach: Reach;
  groups: EffectiveGroup[];
}

export default function RulesPage(): ReactNode {
  return (
    <>
      <VmHeader page={t("support.rules")} />
      <VmGate>{(vm) => <Rules vm={vm} />}</VmGate>
    </>
  );
}

async function wallsOf(vm: VirtualMachine, signal: AbortSignal): Promise<Walls> {
  const reach = await reachOf(vm, signal);
  if (!reach.card) return { reach, groups: [] };
  const told = await question<{ value: EffectiveGroup[] }>(
    `${reach.card.id}/effectiveNetworkSecurityGroups`,
    { version: VERSIONS.network, signal },
  );
  return { reach, groups: told.value };
}

function Rules({ vm }: { vm: VirtualMachine }): ReactNode {
  const styles = useSupportStyles();
  const named = JSON.stringify(vm.properties.networkProfile ?? {});
  // biome-ignore lint/correctness/useExhaustiveDependencies: the VM is read anew every few seconds; only its network counts
  const load = useCallback((signal: AbortSignal) => wallsOf(vm, signal), [vm.id, named]);
  // Each look is an operation on the interface: once, and after a change.
  const polled = usePoll(load, 0);
  return (
    <div className={styles.root}>
      <p className={styles.text}>{t("support.rulesIntro")}</p>
      <Found vm={vm} polled={polled} />
    </div>
  );
}

function Found({ vm, polled }: { vm: VirtualMachine; polled: Polled<Walls> }): ReactNode {
  const styles = useSupportStyles();
  const { data, error, refresh } = polled;
  if (error !== undefined) return <ErrorView error={error} onRetry={() => void refresh()} />;
  if (!data) return <Spinner aria-label={t("common.loading")} />;
  if (!data.reach.card) return <p className={styles.text}>{t("support.noCard")}</p>;
  return (
    <>
      <FlowCard vm={vm} walls={data} onChanged={refresh} />
      {data.groups.length === 0 && <p className={styles.text}>{t("support.noGroups")}</p>}
      {data.groups.map((group) => (
        <GroupTable key={group.networkSecurityGroup.id + association(group)} group={group} />
      ))}
    </>
  );
}

function GroupTable({ group }: { group: EffectiveGroup }): ReactNode {
  const table = useTableStyles();
  const { name } = placeOf(group.networkSecurityGroup.id);
  const inbound = inOrder(group.effectiveSecurityRules).filter((rule) => rule.direction === "Inbound");
  return (
    <Card title={name} note={association(group)}>
      <div className={table.box}>
        <table className={table.table} aria-label={t("support.rulesOf", { name })}>
          <thead>
            <tr>
              <th scope="col" className={table.head}>
                {t("support.rulePriority")}
              </th>
              <th scope="col" className={table.head}>
                {t("support.ruleName")}
              </th>
              <th scope="col" className={table.head}>
                {t("support.rulePort")}
              </th>
              <th scope="col" className={mergeClasses(table.head, table.wide)}>
                {t("support.ruleProtocol")}
              </th>
              <th scope="col" className={mergeClasses(table.head, table.wide)}>
                {t("support.ruleSource")}
              </th>
              <th scope="col" className={table.head}>
                {t("support.ruleAccess")}
              </th>
            </tr>
          </thead>
          <tbody>
            {inbound.map((rule) => (
              <RuleRow key={rule.name} rule={rule} />
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function RuleRow({ rule }: { rule: EffectiveRule }): ReactNode {
  const table = useTableStyles();
  const allows = rule.access === "Allow";
  return (
    <tr className={table.row}>
      <td className={table.cell}>{rule.priority}</td>
      <th scope="row" className={mergeClasses(table.cell, table.name, isDefault(rule) && table.faint)}>
        {plainName(rule.name)}
      </th>
      <td className={table.cell}>{ports(rule.destinationPortRanges)}</td>
      <td className={mergeClasses(table.cell, table.wide)}>{rule.protocol}</td>
      <td className={mergeClasses(table.cell, table.wide, table.name)}>
        {(rule.sourceAddressPrefixes ?? []).join(", ")}
      </td>
      <td className={table.cell}>
        <StatusBadge tone={allows ? "good" : "bad"}>
          {allows ? t("support.allow") : t("support.deny")}
        </StatusBadge>
      </td>
    </tr>
  );
}

function association({ association: { subnet, networkInterface } }: EffectiveGroup): string {
  if (networkInterface) return t("support.ofCard", { name: placeOf(networkInterface.id).name });
  return subnet ? t("support.ofSubnet", { name: placeOf(subnet.id).name }) : "";
}

/** `3389-3389` is one port, `0-65535` all of them. */
function ports(ranges: readonly string[] | undefined): string {
  const shown = (ranges ?? []).map((text) => {
    const [first, last] = text.split("-");
    if (text === "0-65535" || text === "*") return t("support.anyPort");
    return first === last ? (first ?? text) : text;
  });
  return shown.join(", ");
}
