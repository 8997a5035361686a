import {
  Button,
  Combobox,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Dropdown,
  Field,
  makeStyles,
  Option,
  OptionGroup,
  Radio,
  RadioGroup,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { ErrorView, usePoll } from "../../components";
import { t } from "../../text";
import { give } from "./change";
import { everybody, type Kind, matches, type Person } from "./directory";
import type { Role } from "./useAccess";

export interface ScopeChoice {
  scope: string;
  /** "This machine: web1". */
  label: string;
}

interface Props {
  open: boolean;
  roles: readonly Role[];
  choices: readonly ScopeChoice[];
  onAdded: () => void;
  onClose: () => void;
}

/** Names offered at once; the rest is reached by typing. */
const OFFERED = 50;

const useStyles = makeStyles({
  content: { display: "grid", rowGap: tokens.spacingVerticalL },
  small: { display: "block", color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

export function AddRole(props: Props): ReactNode {
  return (
    <Dialog open={props.open} onOpenChange={(_, data) => !data.open && props.onClose()}>
      <DialogSurface>
        <Form {...props} />
      </DialogSurface>
    </Dialog>
  );
}

function Form({ roles, choices, onAdded, onClose }: Props): ReactNode {
  const styles = useStyles();
  const directory = usePoll(everybody, 0);
  const [roleId, setRoleId] = useState<string>();
  const [person, setPerson] = useState<Person>();
  const [scope, setScope] = useState(choices[0]?.scope ?? "");
  const [missing, setMissing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const role = roles.find((each) => each.id === roleId);

  async function submit(): Promise<void> {
    if (busy) return;
    setMissing(!role || !person);
    if (!role || !person) return;
    setBusy(true);
    setError(undefined);
    try {
      await give(role, person, scope);
      onAdded();
      onClose();
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <DialogBody>
        <DialogTitle>{t("access.addTitle")}</DialogTitle>
        <DialogContent className={styles.content}>
          <Field
            label={t("access.addRole")}
            required
            hint={role?.description ?? ""}
            {...(missing && !role && { validationMessage: t("access.addMissingRole") })}
          >
            <Dropdown
              placeholder={t("access.choose")}
              value={role?.name ?? ""}
              selectedOptions={role ? [role.id] : []}
              onOptionSelect={(_, data) => setRoleId(data.optionValue)}
            >
              {roles.map((each) => (
                <Option key={each.id} value={each.id} text={each.name}>
                  <div>
                    {each.name}
                    <span className={styles.small}>{each.description}</span>
                  </div>
                </Option>
              ))}
            </Dropdown>
          </Field>
          <Field
            label={t("access.addWho")}
            required
            {...(missing && !person && { validationMessage: t("access.addMissingWho") })}
          >
            <PersonPicker people={directory.data ?? []} onPick={setPerson} />
          </Field>
          {directory.error !== undefined && (
            <ErrorView error={directory.error} onRetry={() => void directory.refresh()} />
          )}
          <Field label={t("access.addScope")}>
            <RadioGroup value={scope} onChange={(_, data) => setScope(data.value)}>
              {choices.map((choice) => (
                <Radio key={choice.scope} value={choice.scope} label={choice.label} />
              ))}
            </RadioGroup>
          </Field>
          {error !== undefined && <ErrorView error={error} />}
        </DialogContent>
        <DialogActions>
          <Button
            type="submit"
            appearance="primary"
            disabledFocusable={busy}
            icon={busy ? <Spinner size="tiny" /> : null}
          >
            {t("access.addSubmit")}
          </Button>
          <Button onClick={onClose} disabled={busy}>
            {t("common.cancel")}
          </Button>
        </DialogActions>
      </DialogBody>
    </form>
  );
}

const KINDS: readonly Kind[] = ["User", "ServicePrincipal"];

interface PickerProps {
  people: readonly Person[];
  onPick: (person: Person | undefined) => void;
}

/** `Field` passes its label on to the element inside, whatever that is. */
function PersonPicker({ people, onPick, ...field }: PickerProps): ReactNode {
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const found = people.filter((person) => matches(person, typed)).slice(0, OFFERED);
  return (
    <Combobox
      {...field}
      placeholder={t("access.addWhoHint")}
      open={open}
      onOpenChange={(_, data) => setOpen(data.open)}
      value={typed}
      onChange={(event) => {
        setTyped(event.target.value);
        setOpen(true);
        onPick(undefined);
      }}
      onOptionSelect={(_, data) => {
        const person = people.find((each) => each.id === data.optionValue);
        setTyped(person?.name ?? "");
        onPick(person);
      }}
    >
      {KINDS.map((kind) => {
        const those = found.filter((person) => person.kind === kind);
        return (
          those.length > 0 && (
            <OptionGroup
              key={kind}
              label={kind === "User" ? t("access.users") : t("access.servicePrincipals")}
            >
              {those.map((person) => (
                <Option key={person.id} value={person.id} text={person.name}>
                  {optionWords(person)}
                </Option>
              ))}
            </OptionGroup>
          )
        );
      })}
      {found.length === 0 && (
        <Option key="nobody" disabled text="">
          {t("access.addNobody")}
        </Option>
      )}
    </Combobox>
  );
}

function optionWords(person: Person): string {
  return person.kind === "User" && person.account !== person.name
    ? `${person.name} (${person.account})`
    : person.name;
}
