import {
  Button,
  Field,
  Input,
  MessageBar,
  MessageBarBody,
  MessageBarTitle,
} from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { arm, VERSIONS } from "../../../api/client";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView } from "../../../components";
import { t } from "../../../text";
import { userOf } from "./connect";
import { answerOf, type Question, type Rescue } from "./rescue";
import { useSupportStyles } from "./useStyles";

interface Props {
  vm: VirtualMachine;
  run: Rescue;
  question: Question;
  onChanged: () => Promise<void>;
}

/** Before something is lost or needs a new password: nothing goes on until somebody has said yes or no. */
export function RescueQuestion({ vm, run, question, onChanged }: Props): ReactNode {
  const styles = useSupportStyles();
  const [user, setUser] = useState(userOf(vm));
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const incomplete = question.password && (!user.trim() || !password);

  async function say(agree: boolean): Promise<void> {
    if (busy || (agree && incomplete)) return;
    setBusy(true);
    setError(undefined);
    try {
      await arm.post(`${run.id}/answer`, {
        version: VERSIONS.diagnostics,
        body: answerOf(question, agree, user, password),
      });
      setPassword("");
    } catch (thrown) {
      setError(thrown);
    } finally {
      await onChanged();
      setBusy(false);
    }
  }

  return (
    <>
      <MessageBar intent="warning" layout="multiline" role="alert">
        <MessageBarBody className={styles.body}>
          <MessageBarTitle>
            {t("rescue.question")} {question.title}
          </MessageBarTitle>
          <ul className={styles.list}>
            {question.asks.map((each) => (
              <li key={each.name}>{each.text}</li>
            ))}
          </ul>
          <form
            className={styles.form}
            noValidate
            onSubmit={(event) => {
              event.preventDefault();
              void say(true);
            }}
          >
            {question.password && (
              <>
                <Field label={t("rescue.answerUser")} required>
                  <Input
                    value={user}
                    autoComplete="off"
                    spellCheck={false}
                    onChange={(_, data) => setUser(data.value)}
                  />
                </Field>
                <Field label={t("rescue.answerPassword")} required>
                  <Input
                    type="password"
                    value={password}
                    autoComplete="new-password"
                    onChange={(_, data) => setPassword(data.value)}
                  />
                </Field>
              </>
            )}
            <div className={styles.buttons}>
              <Button type="submit" appearance="primary" disabledFocusable={busy || incomplete}>
                {t("rescue.agree")}
              </Button>
              <Button disabledFocusable={busy} onClick={() => void say(false)}>
                {t("rescue.decline")}
              </Button>
            </div>
          </form>
        </MessageBarBody>
      </MessageBar>
      {error !== undefined && <ErrorView error={error} onRetry={() => setError(undefined)} />}
    </>
  );
}
