import { makeStyles, Textarea, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { Confirm } from "../../components";
import { t } from "../../text";
import { LARGE, type Paste, PREVIEW } from "../terminal/paste";

interface Props {
  paste: Paste;
  /** The guest's program takes it as one text and enters nothing by itself. */
  bracketed: boolean;
  onPaste: () => void;
  onClose: () => void;
}

const useStyles = makeStyles({
  preview: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
});

/** Before a paste that would enter lines, holds hidden keys, or takes long: what would be typed. */
export function PasteDialog({ paste, bracketed, onPaste, onClose }: Props): ReactNode {
  const styles = useStyles();
  const { text, lines, removed } = paste;
  const warnings = [
    lines > 0 && t(bracketed ? "console.pasteMarked" : "console.pasteWarning"),
    removed > 0 && t("console.pasteRemoved", { count: removed }),
    text.length > LARGE && t("console.pasteSlow"),
  ].filter((each) => each !== false);
  return (
    <Confirm
      open
      title={
        lines > 0
          ? t("console.pasteTitle", { count: text.split("\r").filter(Boolean).length })
          : t("console.pasteTitleLong", { count: text.length })
      }
      loses={warnings}
      confirm={t("console.pasteDo")}
      onConfirm={onPaste}
      onClose={onClose}
    >
      {text.length > PREVIEW && <span>{t("console.pasteCut", { count: PREVIEW })}</span>}
      <Textarea
        readOnly
        rows={Math.min(12, lines + 2)}
        resize="vertical"
        aria-label={t("console.pastePreview")}
        textarea={{ className: styles.preview }}
        value={text.slice(0, PREVIEW).replaceAll("\r", "\n")}
      />
    </Confirm>
  );
}
