import { Label, makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useId } from "react";

interface Props {
  label: string;
  hint?: string;
  /** Endings and media types that are offered. */
  accept: string;
  disabled?: boolean;
  onFile: (file: File) => void;
}

const useStyles = makeStyles({
  root: { display: "grid", justifyItems: "start", rowGap: tokens.spacingVerticalXXS },
  hint: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  input: { maxWidth: "100%", color: tokens.colorNeutralForeground1, fontFamily: tokens.fontFamilyBase },
});

/** A file of the person's, for the browser to read. */
export function FileField({ label, hint, accept, disabled = false, onFile }: Props): ReactNode {
  const styles = useStyles();
  const id = useId();
  return (
    <div className={styles.root}>
      <Label htmlFor={id}>{label}</Label>
      <input
        id={id}
        className={styles.input}
        type="file"
        accept={accept}
        disabled={disabled}
        aria-describedby={hint && `${id}-hint`}
        // The same file, changed meanwhile, can be chosen again.
        onClick={(event) => {
          event.currentTarget.value = "";
        }}
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) onFile(file);
        }}
      />
      {hint && (
        <span id={`${id}-hint`} className={styles.hint}>
          {hint}
        </span>
      )}
    </div>
  );
}
