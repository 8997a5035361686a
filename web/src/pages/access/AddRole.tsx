import {
  Button,
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
  Radio,
  RadioGroup,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { ErrorView, usePoll } from "../../components";
import { t } from "../../text";
import { give } from "./change";
import { everybody, type Person } from "./directory";
import { PersonPicker } from "./PersonPicker";
import type { Role } from "./useAccess";

export interface ScopeChoice {
  scope: string;
  /** "This machine: web1". */
  label: string;
}

interface Props {
  open: boolean;
  /** Who gets it, when that is settled. */
  who?: Person | undefined;
  roles: readonly Role[];
  choices: readonly ScopeChoice[];
  onAdded: () => void;
  onClose: () => void;
}

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

function Form({ who, roles, choices, onAdded, onClose }: Props): ReactNode {
  const styles = useStyles();
  const [roleId, setRoleId] = useState<string>();
  const [person, setPerson] = useState(who);
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
        <DialogTitle>{who ? t("access.addTitleFor", { name: who.name }) : t("access.addTitle")}</DialogTitle>
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
          {!who && <Who missing={missing && !person} onPick={setPerson} />}
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

interface WhoProps {
  missing: boolean;
  onPick: (person: Person | undefined) => void;
}

function Who({ missing, onPick }: WhoProps): ReactNode {
  const directory = usePoll(everybody, 0);
  return (
    <>
      <Field
        label={t("access.addWho")}
        required
        {...(missing && { validationMessage: t("access.addMissingWho") })}
      >
        <PersonPicker people={directory.data ?? []} onPick={onPick} />
      </Field>
      {directory.error !== undefined && (
        <ErrorView error={directory.error} onRetry={() => void directory.refresh()} />
      )}
    </>
  );
}
