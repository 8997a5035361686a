/** Components whose file is fetched when they are first shown. */

import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { type ComponentType, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { fetchPart } from "../later";
import { t } from "../text";
import { ErrorView } from "./ErrorView";
import { useOverPage } from "./useOverPage";

/** A file that exports a component; fetched once for all who show it. */
export class Part<P> {
  found: ComponentType<P> | undefined;

  constructor(private readonly load: () => Promise<{ default: ComponentType<P> }>) {}

  async fetch(): Promise<ComponentType<P>> {
    this.found ??= (await fetchPart(this.load)).default;
    return this.found;
  }
}

/** What lies over the page: question, drawer, search. */
export interface OverProps {
  /** True unless said otherwise. */
  open?: boolean;
  onClose: () => void;
}

const useStyles = makeStyles({
  page: { display: "grid", justifyItems: "start", rowGap: tokens.spacingVerticalM, maxWidth: "48rem" },
  waiting: { position: "fixed", zIndex: 1000, insetBlockStart: "64px", insetInline: 0 },
  dialog: {
    width: "min(40rem, calc(100vw - 32px))",
    boxSizing: "border-box",
    padding: tokens.spacingHorizontalL,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusXLarge,
    backgroundColor: tokens.colorNeutralBackground1,
    color: tokens.colorNeutralForeground1,
    "::backdrop": { backgroundColor: tokens.colorBackgroundOverlay },
  },
  buttons: { display: "flex", gap: tokens.spacingHorizontalS, marginTop: tokens.spacingVerticalM },
});

/** A page: until its file is there, a spinner in its place; when it does not come, why. */
export function LaterPage({ part }: { part: Part<object> }): ReactNode {
  const styles = useStyles();
  const { Found, error, again } = usePart(part);
  if (Found) return <Found />;
  if (error === undefined) return <Spinner aria-label={t("common.loading")} />;
  return (
    <div className={styles.page}>
      <ErrorView error={error} onRetry={again} />
      <Reload />
    </div>
  );
}

/** Something over the page. Its focus and Escape are looked after from the moment it is asked for. */
export function LaterOver<P extends OverProps>({ part, ...rest }: { part: Part<P> } & P): ReactNode {
  const styles = useStyles();
  const props = rest as unknown as P;
  const { open = true, onClose } = props;
  const { Found, error, again } = usePart(part, open);
  useOverPage(open, onClose);
  // Gone at once when it is closed: only then can the focus go back, or on to what was opened in its place.
  if (!open) return null;
  if (Found) return <Found {...props} />;
  if (error !== undefined) return <MissingDialog error={error} again={again} onClose={onClose} />;
  return <Spinner className={styles.waiting} size="small" aria-label={t("common.loading")} />;
}

/** Something that can be done without: nothing is shown when it does not come. */
export function LaterExtra({ part }: { part: Part<object> }): ReactNode {
  const { Found } = usePart(part);
  return Found ? <Found /> : null;
}

interface State<P> {
  Found?: ComponentType<P> | undefined;
  error?: unknown;
}

/** Fetched from when it is `wanted`, and again when the browser is back on a network. */
function usePart<P>(part: Part<P>, wanted = true): State<P> & { again: () => void } {
  const [state, setState] = useState<State<P>>(() => ({ Found: part.found }));
  const again = useCallback(() => setState({}), []);
  useEffect(() => {
    if (!wanted || state.Found) return;
    if (state.error !== undefined) {
      window.addEventListener("online", again);
      return () => window.removeEventListener("online", again);
    }
    let shown = true;
    part.fetch().then(
      (Found) => shown && setState({ Found }),
      (error: unknown) => shown && setState({ error }),
    );
    return () => {
      shown = false;
    };
  }, [part, state, wanted, again]);
  return { ...state, again };
}

/** The address holds the place: the page comes back to it. */
function Reload(): ReactNode {
  return <Button onClick={() => location.reload()}>{t("common.reloadPage")}</Button>;
}

/** The browser's own dialog: the portal's may be the very part that is missing. */
function MissingDialog(props: { error: unknown; again: () => void; onClose: () => void }): ReactNode {
  const { error, again, onClose } = props;
  const styles = useStyles();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-label={t("common.partMissingTitle")}
      aria-modal="true"
      onClose={onClose}
    >
      <ErrorView error={error} onRetry={again} />
      <div className={styles.buttons}>
        <Reload />
        <Button onClick={onClose}>{t("common.close")}</Button>
      </div>
    </dialog>
  );
}
