import { Field, Input, mergeClasses, Spinner } from "@fluentui/react-components";
import { NetworkCheckRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useMemo, useState } from "react";
import type { VirtualMachine } from "../../../api/types";
import { Confirm, ErrorView, usePoll } from "../../../components";
import { t } from "../../../text";
import { Card } from "../../shared/Card";
import { Facts } from "../../shared/Facts";
import { GuardedButton } from "../../shared/GuardedButton";
import { RIGHTS } from "../../shared/rights";
import { useRights } from "../../shared/useRights";
import { toMachine } from "../../vms/machine";
import { isOff } from "../../vms/power";
import { VmGate } from "../VmGate";
import { VmHeader } from "../VmHeader";
import { useVm } from "../vmContext";
import { NicOutcome } from "./NicOutcome";
import { type Interface, type Reach, reachOf } from "./network";
import { seatOf } from "./nic";
import { numberOf } from "./rules";
import { useNicReset } from "./useNicReset";
import { useSupportStyles } from "./useStyles";

const SECONDS = 15;

export default function NicPage(): ReactNode {
  return (
    <>
      <VmHeader page={t("nic.title")} />
      <VmGate>{(vm) => <Nic key={vm.id} vm={vm} />}</VmGate>
    </>
  );
}

function Nic({ vm }: { vm: VirtualMachine }): ReactNode {
  const styles = useSupportStyles();
  const named = JSON.stringify(vm.properties.networkProfile ?? {});
  // biome-ignore lint/correctness/useExhaustiveDependencies: the VM is read anew every few seconds; only its network counts
  const load = useCallback((signal: AbortSignal) => reachOf(vm, signal), [vm.id, named]);
  const { data, error, refresh } = usePoll(load, SECONDS);
  if (!data) {
    if (error !== undefined) return <ErrorView error={error} onRetry={() => void refresh()} />;
    return <Spinner aria-label={t("common.loading")} />;
  }
  const { card } = data;
  return (
    <div className={mergeClasses(styles.root, styles.narrow)}>
      <p className={styles.text}>{t("nic.intro")}</p>
      {card ? (
        <>
          <Now reach={data} card={card} />
          <Reset vm={vm} card={card} onEnd={refresh} />
        </>
      ) : (
        <p className={styles.text}>{t("support.noCard")}</p>
      )}
    </div>
  );
}

function Now({ reach, card }: { reach: Reach; card: Interface }): ReactNode {
  const { address, mac, method } = seatOf(card);
  const how = method === "Static" ? t("nic.fixed") : t("nic.dynamic");
  return (
    <Card title={t("nic.now")}>
      <Facts
        facts={[
          { name: t("support.card"), value: card.name },
          {
            name: t("support.privateAddress"),
            value: `${address || t("common.none")} (${how})`,
            copy: address,
          },
          { name: t("nic.mac"), value: mac || t("common.none"), copy: mac || undefined },
          { name: t("support.publicAddress"), value: reach.public?.properties.ipAddress ?? t("common.none") },
        ]}
      />
    </Card>
  );
}

interface ResetProps {
  vm: VirtualMachine;
  card: Interface;
  onEnd: () => Promise<void>;
}

/** What is asked before: what happens, what is lost, and which address it gets. */
function Reset({ vm, card, onEnd }: ResetProps): ReactNode {
  const styles = useSupportStyles();
  const { polled } = useVm();
  const machine = useMemo(() => toMachine(vm), [vm]);
  const off = isOff(machine.power);
  const may = useRights([vm.id, card.id]);
  const before = seatOf(card);
  const [typed, setTyped] = useState("");
  const [asked, setAsked] = useState<"reset" | "undo">();
  const reset = useNicReset(vm, async () => {
    await onEnd();
    polled.refresh();
  });
  const undo = reset.result?.before;
  const wanted = typed.trim();
  const fault = faultOf(wanted, before.address);
  const to = asked === "undo" && undo ? undo : wanted || undefined;
  const after = (typeof to === "object" ? to.address : to) ?? t("nic.free");

  let why: string | undefined;
  for (const [scope, right] of [
    [card.id, "writeInterface"],
    [vm.id, "resetNic"],
  ] as const)
    if (!why && !may(scope, right)) why = t("vms.whyRight", { action: RIGHTS[right] });
  if (!why && !machine.certain) why = t("vms.whyHost");
  if (!why && reset.busy) why = t("vms.whyBusy");
  const shown = why ?? fault;

  return (
    <Card title={t("nic.page")}>
      <div>
        <strong>{t("vm.whatHappens")}</strong>
        <ul className={styles.list}>
          <li>{t("nic.what1")}</li>
          <li>{off ? t("nic.what2Off") : t("nic.what2")}</li>
          <li>{t("nic.what3")}</li>
        </ul>
      </div>
      <form
        className={styles.form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!shown) setAsked("reset");
        }}
      >
        <Field
          label={t("nic.wanted")}
          hint={t("nic.wantedHint")}
          {...(fault && { validationState: "error", validationMessage: fault })}
        >
          <Input
            value={typed}
            autoComplete="off"
            spellCheck={false}
            disabled={reset.busy}
            onChange={(_, data) => setTyped(data.value)}
          />
        </Field>
        <div className={styles.buttons}>
          <GuardedButton
            type="submit"
            appearance="primary"
            icon={reset.busy ? <Spinner size="tiny" /> : <NetworkCheckRegular />}
            why={shown}
          >
            {t("nic.reset")}
          </GuardedButton>
        </div>
      </form>
      {why && !reset.busy && <p className={styles.text}>{why}</p>}
      <NicOutcome vm={vm} reset={reset} why={why} onUndo={() => setAsked("undo")} />
      {asked && (
        <Confirm
          open
          title={t(asked === "undo" ? "nic.askUndo" : "nic.ask", { name: vm.name })}
          loses={[
            t("nic.loss1"),
            ...(off ? [] : [t("nic.loss2"), t("nic.loss3")]),
            ...(asked === "undo" ? [t("nic.undoNote")] : []),
          ]}
          confirm={asked === "undo" ? t("nic.undo") : t("nic.reset")}
          onConfirm={() => {
            setTyped("");
            void reset.begin(to, off);
          }}
          onClose={() => setAsked(undefined)}
        >
          <strong>{t("nic.change", { before: before.address, after })}</strong>
        </Confirm>
      )}
    </Card>
  );
}

function faultOf(wanted: string, address: string): string | undefined {
  if (wanted === "") return undefined;
  if (numberOf(wanted) === undefined) return t("nic.wrong");
  return wanted === address ? t("nic.same") : undefined;
}
