import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Input,
  makeStyles,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { ErrorView } from "../../components";
import { t } from "../../text";
import { addUser, type Made } from "./directory";

interface Props {
  open: boolean;
  domain: string;
  onMade: (made: Made) => void;
  onClose: () => void;
}

const useStyles = makeStyles({
  content: { display: "grid", rowGap: tokens.spacingVerticalM },
  text: { margin: 0 },
});

export function AddUser(props: Props): ReactNode {
  return (
    <Dialog open={props.open} onOpenChange={(_, change) => !change.open && props.onClose()}>
      <DialogSurface>
        <Form {...props} />
      </DialogSurface>
    </Dialog>
  );
}

function Form({ domain, onMade, onClose }: Props): ReactNode {
  const styles = useStyles();
  const [userName, setUserName] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const name = userName.trim();

  async function add(): Promise<void> {
    setTried(true);
    if (!name || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      onMade(await addUser(name, displayName.trim()));
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
        void add();
      }}
    >
      <DialogBody>
        <DialogTitle>{t("users.add")}</DialogTitle>
        <DialogContent className={styles.content}>
          <Field
            label={t("users.userName")}
            required
            hint={
              domain && !name.includes("@") ? t("users.completed", { name: name || "name", domain }) : null
            }
            {...(tried && !name && { validationMessage: t("users.needed"), validationState: "error" })}
          >
            <Input
              value={userName}
              autoComplete="off"
              spellCheck={false}
              onChange={(_, data) => setUserName(data.value)}
            />
          </Field>
          <Field label={t("users.displayName")}>
            <Input
              value={displayName}
              autoComplete="off"
              onChange={(_, data) => setDisplayName(data.value)}
            />
          </Field>
          <p className={styles.text}>{t("users.addText")}</p>
          {error !== undefined && <ErrorView error={error} />}
        </DialogContent>
        <DialogActions>
          <Button type="submit" appearance="primary" icon={busy ? <Spinner size="tiny" /> : null}>
            {t("users.addButton")}
          </Button>
          <Button onClick={onClose} disabled={busy}>
            {t("common.cancel")}
          </Button>
        </DialogActions>
      </DialogBody>
    </form>
  );
}
