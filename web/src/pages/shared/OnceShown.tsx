import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import type { ReactNode } from "react";
import { CopyButton, useFocusBack } from "../../components";
import { t } from "../../text";

export interface Shown {
  title: string;
  /** The first one is what nobody sees again; the others are told beside it. */
  values: readonly { label: string; value: string }[];
  /** What to do with it. */
  next: string;
}

const useStyles = makeStyles({
  content: { display: "grid", rowGap: tokens.spacingVerticalM },
  label: { color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
  line: {
    display: "flex",
    alignItems: "center",
    justifyContent: "space-between",
    gap: tokens.spacingHorizontalM,
    padding: tokens.spacingHorizontalM,
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: tokens.colorNeutralBackground3,
  },
  value: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase400,
    userSelect: "all",
    overflowWrap: "anywhere",
  },
  text: { margin: 0 },
});

/** Something secret that the control plane made. It closes by its button only: once closed nobody can see it again. */
export function OnceShown({ shown, onClose }: { shown: Shown | undefined; onClose: () => void }): ReactNode {
  const styles = useStyles();
  useFocusBack(shown !== undefined);
  if (!shown) return null;
  return (
    <Dialog modalType="alert" open>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{shown.title}</DialogTitle>
          <DialogContent className={styles.content}>
            {shown.values.map(({ label, value }, index) => (
              <div key={label}>
                <div className={styles.label}>{label}</div>
                <div className={styles.line}>
                  <code className={styles.value}>{value}</code>
                  <CopyButton
                    text={value}
                    label={index === 0 ? t("common.copy") : t("vm.copyValue", { what: label })}
                    iconOnly={index > 0}
                  />
                </div>
              </div>
            ))}
            <p className={styles.text}>{t("common.shownOnce")}</p>
            <p className={styles.text}>{shown.next}</p>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              {t("common.kept")}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
