import { Field, Input, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { ErrorView, StatusBadge } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { GuardedButton } from "../shared/GuardedButton";
import { act, type ClassicVm } from "./classic";

const useStyles = makeStyles({
  form: { display: "grid", rowGap: tokens.spacingVerticalM, maxWidth: "28rem", justifyItems: "start" },
  field: { width: "100%" },
});

/** A new password for an account in the guest; remote access is reset with it. */
export function Password({ vm, onEnd }: { vm: ClassicVm; onEnd: () => Promise<void> }): ReactNode {
  const styles = useStyles();
  const [userName, setUserName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [error, setError] = useState<unknown>();
  const ready = userName.trim() !== "" && password !== "" && !busy;

  async function save(): Promise<void> {
    if (!ready) return;
    setBusy(true);
    setDone(false);
    setError(undefined);
    try {
      await act(vm, "resetRemoteAccess", { userName: userName.trim(), password });
      setPassword("");
      setDone(true);
    } catch (thrown) {
      setError(thrown);
    } finally {
      await onEnd();
      setBusy(false);
    }
  }

  return (
    <Card title={t("support.password")}>
      <form
        className={styles.form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Field className={styles.field} label={t("support.user")}>
          <Input
            value={userName}
            autoComplete="off"
            spellCheck={false}
            onChange={(_, data) => setUserName(data.value)}
          />
        </Field>
        <Field className={styles.field} label={t("support.newPassword")}>
          <Input
            type="password"
            value={password}
            autoComplete="new-password"
            onChange={(_, data) => setPassword(data.value)}
          />
        </Field>
        <GuardedButton
          type="submit"
          appearance="primary"
          icon={busy ? <Spinner size="tiny" /> : null}
          why={ready || busy ? undefined : t("classic.needBoth")}
        >
          {t("classic.save")}
        </GuardedButton>
      </form>
      {done && <StatusBadge tone="good">{t("support.passwordDone", { user: userName.trim() })}</StatusBadge>}
      {error !== undefined && <ErrorView error={error} onRetry={() => setError(undefined)} />}
    </Card>
  );
}
