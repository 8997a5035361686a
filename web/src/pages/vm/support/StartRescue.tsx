import { Checkbox, Field, Input, Select, Spinner } from "@fluentui/react-components";
import { WrenchScrewdriverRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView } from "../../../components";
import { t } from "../../../text";
import { Card } from "../../shared/Card";
import { GuardedButton } from "../../shared/GuardedButton";
import { isWindows, PORTS } from "./connect";
import { isMissing, type Wish } from "./rescue";
import { useSupportStyles } from "./useStyles";

interface Props {
  vm: VirtualMachine;
  /** Why no run can be started; one can when absent. */
  why: string | undefined;
  onStart: (wish: Wish) => Promise<void>;
}

/** What a new run is to do. */
export function StartRescue({ vm, why, onStart }: Props): ReactNode {
  const styles = useSupportStyles();
  const [wish, setWish] = useState<Wish>({
    way: isWindows(vm) ? "rdp" : "ssh",
    dryRun: false,
    user: "",
    password: "",
  });
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const change = (part: Partial<Wish>): void => setWish((before) => ({ ...before, ...part }));

  async function start(): Promise<void> {
    setTried(true);
    if (busy || why || isMissing(wish)) return;
    setBusy(true);
    setError(undefined);
    try {
      await onStart(wish);
      change({ password: "" });
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Card title={t("rescue.newRun")}>
      <form
        className={styles.form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <Field label={t("rescue.protocol")}>
          <Select
            value={wish.way}
            onChange={(_, data) => change({ way: data.value === "ssh" ? "ssh" : "rdp" })}
          >
            <option value="rdp">{`${t("support.rdp")} (TCP ${PORTS.rdp})`}</option>
            <option value="ssh">{`${t("support.ssh")} (TCP ${PORTS.ssh})`}</option>
          </Select>
        </Field>
        <Checkbox
          label={t("rescue.dryRun")}
          checked={wish.dryRun}
          onChange={(_, data) => change({ dryRun: data.checked === true })}
        />
        <Field
          label={t("rescue.signIn")}
          hint={t("rescue.signInHint")}
          {...(tried &&
            isMissing(wish) && { validationState: "error", validationMessage: t("rescue.needBoth") })}
        >
          <Input
            value={wish.user}
            placeholder={t("support.user")}
            autoComplete="off"
            spellCheck={false}
            onChange={(_, data) => change({ user: data.value })}
          />
        </Field>
        <Field label={t("rescue.password")}>
          <Input
            type="password"
            value={wish.password}
            autoComplete="off"
            onChange={(_, data) => change({ password: data.value })}
          />
        </Field>
        <div className={styles.buttons}>
          <GuardedButton
            type="submit"
            appearance="primary"
            icon={busy ? <Spinner size="tiny" /> : <WrenchScrewdriverRegular />}
            why={why}
          >
            {t("rescue.start")}
          </GuardedButton>
        </div>
      </form>
      {why && <p className={styles.text}>{why}</p>}
      {error !== undefined && <ErrorView error={error} onRetry={() => void start()} />}
    </Card>
  );
}
