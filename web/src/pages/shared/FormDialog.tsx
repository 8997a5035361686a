import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { ErrorView } from "../../components";
import { t } from "../../text";

interface FormProps {
  title: string;
  /** The button: a verb. */
  submit: string;
  children: ReactNode;
  /** Does it; false when something is missing, which the fields say. What it throws is shown. */
  onSubmit: () => Promise<boolean>;
  onClose: () => void;
}

const useStyles = makeStyles({
  content: { display: "grid", rowGap: tokens.spacingVerticalM },
});

/** A form over the page. Its fields live in `children`, which are made anew each time it opens. */
export function FormDialog(props: { open: boolean; onClose: () => void; children: ReactNode }): ReactNode {
  return (
    <Dialog open={props.open} onOpenChange={(_, change) => !change.open && props.onClose()}>
      <DialogSurface>{props.children}</DialogSurface>
    </Dialog>
  );
}

/** What is in a FormDialog: fields, what went wrong, and the buttons. */
export function FormBody({ title, submit, children, onSubmit, onClose }: FormProps): ReactNode {
  const styles = useStyles();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  async function go(): Promise<void> {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      if (await onSubmit()) onClose();
    } catch (thrown) {
      setError(thrown);
    }
    setBusy(false);
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void go();
      }}
    >
      <DialogBody>
        <DialogTitle>{title}</DialogTitle>
        <DialogContent className={styles.content}>
          {children}
          {error !== undefined && <ErrorView error={error} />}
        </DialogContent>
        <DialogActions>
          <Button
            type="submit"
            appearance="primary"
            disabledFocusable={busy}
            icon={busy ? <Spinner size="tiny" /> : null}
          >
            {submit}
          </Button>
          <Button onClick={onClose} disabled={busy}>
            {t("common.cancel")}
          </Button>
        </DialogActions>
      </DialogBody>
    </form>
  );
}
