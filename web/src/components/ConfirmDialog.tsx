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
import { t } from "../text";
import { ErrorView } from "./ErrorView";

export interface ConfirmProps {
  open: boolean;
  /** A question: "Stop web1?" */
  title: string;
  children?: ReactNode;
  /** What is lost by it, one sentence each. */
  loses?: readonly string[];
  /** The button: a verb, never "OK". */
  confirm: string;
  /** A name that has to be typed first, for what cannot be undone. */
  typed?: string;
  /** Whether to ask why, for the activity log. Nobody has to say. */
  asksWhy?: boolean;
  /** False while something that it needs is missing. */
  ready?: boolean;
  /** A promise keeps the dialog open until it settles; its error is shown in the dialog. */
  onConfirm: (reason: string) => unknown;
  onClose: () => void;
}

/** Characters of a reason, as the API takes them. */
const MAX_REASON = 256;

const useStyles = makeStyles({
  content: { display: "grid", rowGap: tokens.spacingVerticalM },
  list: { marginBlock: 0, paddingInlineStart: tokens.spacingHorizontalXL },
});

/** Asks before something is done to a machine, and says what is lost by it. Escape and "Cancel" do nothing. */
export default function ConfirmDialog(props: ConfirmProps): ReactNode {
  return (
    <Dialog open={props.open} onOpenChange={(_, data) => !data.open && props.onClose()}>
      <DialogSurface>
        <Question {...props} />
      </DialogSurface>
    </Dialog>
  );
}

function Question({
  title,
  children,
  loses = [],
  confirm,
  typed,
  asksWhy = false,
  ready: complete = true,
  onConfirm,
  onClose,
}: ConfirmProps): ReactNode {
  const styles = useStyles();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [given, setGiven] = useState("");
  const [reason, setReason] = useState("");
  const ready = complete && !busy && (typed === undefined || given.trim() === typed);

  async function go(): Promise<void> {
    setError(undefined);
    setBusy(true);
    try {
      await onConfirm(reason.trim());
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
        if (ready) void go();
      }}
    >
      <DialogBody>
        <DialogTitle>{title}</DialogTitle>
        <DialogContent className={styles.content}>
          {children}
          {loses.length > 0 && (
            <ul className={styles.list}>
              {loses.map((loss) => (
                <li key={loss}>{loss}</li>
              ))}
            </ul>
          )}
          {typed !== undefined && (
            <Field label={t("common.typeToConfirm", { name: typed })}>
              <Input value={given} onChange={(_, data) => setGiven(data.value)} autoComplete="off" />
            </Field>
          )}
          {asksWhy && (
            <Field label={t("common.reason")} hint={t("common.reasonHint")}>
              <Input value={reason} maxLength={MAX_REASON} onChange={(_, data) => setReason(data.value)} />
            </Field>
          )}
          {error !== undefined && <ErrorView error={error} />}
        </DialogContent>
        <DialogActions>
          <Button
            type="submit"
            appearance="primary"
            disabledFocusable={!ready}
            icon={busy ? <Spinner size="tiny" /> : null}
          >
            {confirm}
          </Button>
          <Button onClick={onClose} disabled={busy}>
            {t("common.cancel")}
          </Button>
        </DialogActions>
      </DialogBody>
    </form>
  );
}
