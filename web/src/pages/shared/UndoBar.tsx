import { Button, MessageBar, MessageBarActions, MessageBarBody } from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import { type ReactNode, type Ref, useEffect, useRef, useState } from "react";
import { ErrorView } from "../../components";
import { t } from "../../text";

export interface Undoable {
  /** What was done: "Ada was removed." */
  text: string;
  undo: () => Promise<unknown>;
}

interface Props {
  done: Undoable | undefined;
  /** It was undone, or closed. */
  onClose: () => void;
}

/** Says what was done a moment ago, and takes it back. */
export function UndoBar({ done, onClose }: Props): ReactNode {
  return done && <Bar key={done.text} done={done} onClose={onClose} />;
}

function Bar({ done, onClose }: { done: Undoable; onClose: () => void }): ReactNode {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const button = useRef<HTMLButtonElement>(null);
  // What was pressed went away with what was removed.
  useEffect(() => button.current?.focus(), []);

  async function undo(): Promise<void> {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await done.undo();
      onClose();
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  }

  return (
    <>
      <MessageBar intent="success" role="status">
        <MessageBarBody>{done.text}</MessageBarBody>
        <MessageBarActions
          containerAction={
            <Button
              appearance="transparent"
              icon={<DismissRegular />}
              aria-label={t("common.close")}
              onClick={onClose}
            />
          }
        >
          {/* Fluent's type is that of a button and of a link at once, which nothing is. */}
          <Button ref={button as Ref<never>} disabledFocusable={busy} onClick={() => void undo()}>
            {t("common.undo")}
          </Button>
        </MessageBarActions>
      </MessageBar>
      {error !== undefined && <ErrorView error={error} />}
    </>
  );
}
