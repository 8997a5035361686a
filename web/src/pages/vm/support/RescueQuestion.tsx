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
import { placeOf } from "../../shared/resourceId";
import { userOf } from "./connect";
import { FoundWords } from "./FoundWords";
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
  const step = run.properties.steps.find((each) => each.number === question.step);
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
          {step?.findings.map((found) => (
            <FoundWords key={found.code + found.message} found={found} brief />
          ))}
          {step?.deed?.arguments?.rules?.map(({ group, ...rule }) => (
            <span key={group}>
              {placeOf(group).name}: {t("support.wouldAdd", { ...rule, rule: rule.name })}
            </span>
          ))}
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
