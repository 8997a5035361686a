import {
  Field,
  Input,
  MessageBar,
  MessageBarBody,
  MessageBarTitle,
  mergeClasses,
  Radio,
  RadioGroup,
  Spinner,
} from "@fluentui/react-components";
import { type ReactNode, useMemo, useState } from "react";
import { arm, VERSIONS } from "../../../api/client";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView } from "../../../components";
import { t } from "../../../text";
import { Card } from "../../shared/Card";
import { GuardedButton } from "../../shared/GuardedButton";
import { RIGHTS } from "../../shared/rights";
import { useRights } from "../../shared/useRights";
import { subjectOf } from "../../vms/actions";
import { toMachine } from "../../vms/machine";
import { isOff } from "../../vms/power";
import { VmGate } from "../VmGate";
import { VmHeader } from "../VmHeader";
import { isWindows, userOf } from "./connect";
import { bodyOf, type Extension, type Fault, faultOf, type Mode, nameOf, type Wanted } from "./password";
import { useSupportStyles } from "./useStyles";

export default function PasswordPage(): ReactNode {
  return (
    <>
      <VmHeader page={t("support.password")} />
      <VmGate>{(vm) => <Reset key={vm.id} vm={vm} />}</VmGate>
    </>
  );
}

function Reset({ vm }: { vm: VirtualMachine }): ReactNode {
  const styles = useSupportStyles();
  const machine = useMemo(() => toMachine(vm), [vm]);
  const may = useRights([vm.id]);
  const windows = isWindows(vm);
  const [wanted, setWanted] = useState<Wanted>({
    mode: "password",
    user: userOf(vm),
    password: "",
    again: "",
  });
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState<string>();
  const [error, setError] = useState<unknown>();
  const change = (part: Partial<Wanted>): void => {
    setWanted((before) => ({ ...before, ...part }));
    setDone(undefined);
  };
  const fault = tried ? faultOf(wanted, windows) : undefined;
  const only = wanted.mode === "configuration";
  let why = may(vm.id, "resetPassword") ? undefined : t("vms.whyRight", { action: RIGHTS.resetPassword });
  if (!why && !machine.certain) why = t("vms.whyHost");
  if (!why && isOff(machine.power)) why = t("vms.whyStopped");
  if (!why && busy) why = t("vms.whyBusy");

  async function update(): Promise<void> {
    setTried(true);
    if (why || faultOf(wanted, windows)) return;
    setBusy(true);
    setDone(undefined);
    setError(undefined);
    try {
      await write(vm, wanted, windows);
      setDone(only ? t("support.configurationDone") : t("support.passwordDone", { user: wanted.user }));
      setWanted((before) => ({ ...before, password: "", again: "" }));
      setTried(false);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  }

  return (
    <div className={mergeClasses(styles.root, styles.narrow)}>
      <p className={styles.text}>{windows ? t("support.passwordIntro") : t("support.passwordIntroLinux")}</p>
      <Card title={t("support.password")}>
        <form
          className={styles.form}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void update();
          }}
        >
          <Field label={t("support.mode")}>
            <RadioGroup
              value={wanted.mode}
              disabled={busy}
              onChange={(_, { value }) => change({ mode: value as Mode })}
            >
              <Radio value="password" label={t("support.modePassword")} />
              <Radio value="configuration" label={t("support.modeConfiguration")} />
            </RadioGroup>
          </Field>
          {only ? (
            <p className={styles.text}>
              {windows ? t("support.configurationWindows") : t("support.configurationLinux")}
            </p>
          ) : (
            <Account wanted={wanted} fault={fault} busy={busy} onChange={change} />
          )}
          <div className={styles.buttons}>
            <GuardedButton
              type="submit"
              appearance="primary"
              icon={busy ? <Spinner size="tiny" /> : null}
              why={why}
            >
              {t("support.update")}
            </GuardedButton>
          </div>
        </form>
        {why && !busy && <p className={styles.text}>{why}</p>}
        {done && (
          <MessageBar intent="success" layout="multiline" role="status">
            <MessageBarBody className={styles.body}>
              <MessageBarTitle>{t("support.updated")}</MessageBarTitle>
              {done}
            </MessageBarBody>
          </MessageBar>
        )}
        {error !== undefined && <ErrorView error={error} onRetry={() => void update()} />}
      </Card>
    </div>
  );
}

interface AccountProps {
  wanted: Wanted;
  fault: Fault | undefined;
  busy: boolean;
  onChange: (part: Partial<Wanted>) => void;
}

function Account({ wanted, fault, busy, onChange }: AccountProps): ReactNode {
  const wrong = (...faults: Fault[]): object =>
    fault && faults.includes(fault) ? { validationState: "error", validationMessage: faultWord(fault) } : {};
  return (
    <>
      <Field label={t("support.user")} required {...wrong("user", "userForm")}>
        <Input
          value={wanted.user}
          autoComplete="off"
          spellCheck={false}
          disabled={busy}
          onChange={(_, data) => onChange({ user: data.value.trim() })}
        />
      </Field>
      <Field label={t("support.newPassword")} required {...wrong("password", "passwordForm")}>
        <Input
          type="password"
          value={wanted.password}
          autoComplete="new-password"
          disabled={busy}
          onChange={(_, data) => onChange({ password: data.value })}
        />
      </Field>
      <Field label={t("support.passwordAgain")} required {...wrong("again")}>
        <Input
          type="password"
          value={wanted.again}
          autoComplete="new-password"
          disabled={busy}
          onChange={(_, data) => onChange({ again: data.value })}
        />
      </Field>
    </>
  );
}

function faultWord(fault: Fault): string {
  switch (fault) {
    case "user":
      return t("support.needUser");
    case "userForm":
      return t("support.wrongUser");
    case "password":
      return t("support.needPassword");
    case "passwordForm":
      return t("support.wrongPassword");
    case "again":
      return t("support.notSame");
  }
}

async function write(vm: VirtualMachine, wanted: Wanted, windows: boolean): Promise<void> {
  const version = VERSIONS.compute;
  const known = await arm.list<Extension>(`${vm.id}/extensions`, { version });
  const only = wanted.mode === "configuration";
  await arm.begin(`${vm.id}/extensions/${nameOf(known, windows)}`, {
    method: "PUT",
    version,
    body: bodyOf(wanted, windows, vm.location, crypto.randomUUID()),
    title: only
      ? t("support.noticeConfiguration", { name: vm.name })
      : t("support.noticePassword", { name: vm.name }),
    subject: subjectOf(vm),
  });
}
