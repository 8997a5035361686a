import {
  Button,
  Field,
  Input,
  makeStyles,
  Select,
  Spinner,
  Subtitle1,
  Textarea,
  tokens,
} from "@fluentui/react-components";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Confirm, CopyButton, ErrorView, Prose } from "../../components";
import { t } from "../../text";
import { guess, type Known, type Suggestion, suggestionsFor } from "./known";
import { type Operation, type Parameter, startOf } from "./openapi";
import { Result } from "./Result";
import { addressOf, bodyFault, curlLine, headersOf, keyOf, missing, type Values } from "./request";
import { type Outcome, run } from "./run";
import { Verb } from "./Verb";

interface Props {
  operation: Operation;
  known: Known;
  onClose: () => void;
}

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalM, minWidth: 0 },
  address: {
    padding: tokens.spacingHorizontalS,
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: tokens.colorNeutralBackground3,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    overflowWrap: "anywhere",
  },
  fields: {
    display: "grid",
    gridTemplateColumns: "repeat(auto-fill, minmax(16rem, 1fr))",
    gap: tokens.spacingHorizontalM,
    alignItems: "start",
  },
  body: {
    "& textarea": {
      fontFamily: tokens.fontFamilyMonospace,
      fontSize: tokens.fontSizeBase200,
      minHeight: "10rem",
    },
  },
  buttons: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS },
  text: { margin: 0 },
});

/** One call: its parameters, the button that runs it, and what came back. */
export function OperationForm({ operation, known, onClose }: Props): ReactNode {
  const styles = useStyles();
  const [values, setValues] = useState<Values>(() => startValues(operation, known));
  const [body, setBody] = useState(operation.body ?? "");
  const [tried, setTried] = useState(false);
  const [asking, setAsking] = useState(false);
  const [running, setRunning] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>();
  const [error, setError] = useState<unknown>();

  const place = useRef<HTMLElement>(null);
  // In a narrow window the form is below the list, out of sight of who has just chosen.
  useEffect(() => {
    place.current?.scrollIntoView({ block: "nearest" });
  }, []);

  const lacking = missing(operation, values);
  const fault = operation.body === undefined ? undefined : bodyFault(body);

  async function go(address: string, method = operation.method): Promise<void> {
    setRunning(true);
    setError(undefined);
    try {
      const own = method === operation.method;
      const text = own && operation.body !== undefined && body.trim() ? body : undefined;
      setOutcome(await run(method, address, own ? headersOf(operation, values) : {}, text));
    } catch (thrown) {
      setOutcome(undefined);
      setError(thrown);
    }
    setRunning(false);
  }

  function submit(): void {
    setTried(true);
    if (lacking.length > 0 || fault !== undefined || running) return;
    if (operation.method === "DELETE") setAsking(true);
    else void go(addressOf(operation, values));
  }

  return (
    <section ref={place} className={styles.root} aria-label={operation.summary || operation.id}>
      <Subtitle1 as="h2" className={styles.text}>
        {operation.summary || operation.id}
      </Subtitle1>
      {operation.description && (
        <p className={styles.text}>
          <Prose text={operation.description} />
        </p>
      )}
      <div className={styles.address}>
        <Verb method={operation.method} /> {addressOf(operation, values)}
      </div>
      <form
        className={styles.root}
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <div className={styles.fields}>
          {operation.parameters.map((parameter) => (
            <ParameterField
              key={keyOf(parameter)}
              parameter={parameter}
              suggestions={suggestionsFor(parameter, known)}
              value={values[keyOf(parameter)] ?? ""}
              lacking={tried && lacking.includes(parameter)}
              onChange={(value) => setValues((now) => ({ ...now, [keyOf(parameter)]: value }))}
            />
          ))}
        </div>
        {operation.body !== undefined && (
          <Field
            label={t("api.body")}
            className={styles.body}
            {...(fault !== undefined && {
              validationMessage: t("api.notJson", { detail: fault }),
              validationState: "error",
            })}
          >
            <Textarea value={body} resize="vertical" onChange={(_, data) => setBody(data.value)} />
          </Field>
        )}
        <div className={styles.buttons}>
          <Button type="submit" appearance="primary" icon={running ? <Spinner size="tiny" /> : null}>
            {t("api.run")}
          </Button>
          <CopyButton text={curlLine(operation, values, body, location.origin)} label={t("api.copyCurl")} />
          <Button appearance="subtle" onClick={onClose}>
            {t("common.close")}
          </Button>
        </div>
      </form>
      {error !== undefined && <ErrorView error={error} />}
      {outcome && <Result outcome={outcome} onFollow={(address) => void go(address, "GET")} />}
      <Confirm
        open={asking}
        title={t("api.confirmTitle")}
        confirm={t("api.confirmDelete")}
        loses={[t("api.confirmLoss", { address: addressOf(operation, values) })]}
        onConfirm={() => {
          void go(addressOf(operation, values));
        }}
        onClose={() => setAsking(false)}
      />
    </section>
  );
}

function ParameterField(props: {
  parameter: Parameter;
  suggestions: readonly Suggestion[];
  value: string;
  lacking: boolean;
  onChange: (value: string) => void;
}): ReactNode {
  const { parameter, suggestions, value, lacking, onChange } = props;
  const list = useId();
  const { schema } = parameter;
  const choices = schema.type === "boolean" ? ["true", "false"] : schema.enum?.map(String);
  return (
    <div>
      <Field
        label={t(
          parameter.in === "path" ? "api.inPath" : parameter.in === "query" ? "api.inQuery" : "api.inHeader",
          {
            name: parameter.name,
          },
        )}
        required={parameter.required}
        hint={<Prose text={parameter.description || schema.description || ""} />}
        {...(lacking && { validationMessage: t("api.missing"), validationState: "error" })}
      >
        {choices ? (
          <Select value={value} onChange={(_, data) => onChange(data.value)}>
            {!parameter.required && <option value="" />}
            {choices.map((choice) => (
              <option key={choice}>{choice}</option>
            ))}
          </Select>
        ) : (
          <Input
            value={value}
            autoComplete="off"
            spellCheck={false}
            onChange={(_, data) => onChange(data.value)}
            input={{ list: suggestions.length > 0 ? list : undefined }}
          />
        )}
      </Field>
      {!choices && suggestions.length > 0 && (
        <datalist id={list}>
          {suggestions.map((each) => (
            <option key={each.value} value={each.value} label={each.label} />
          ))}
        </datalist>
      )}
    </div>
  );
}

function startValues(operation: Operation, known: Known): Values {
  return Object.fromEntries(
    operation.parameters.map((each) => [keyOf(each), startOf(each) || guess(each, known)]),
  );
}
