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
import type { Made } from "./directory";

const useStyles = makeStyles({
  content: { display: "grid", rowGap: tokens.spacingVerticalM },
  line: {
    display: "flex",
    alignItems: "center",
    justifyContent: "space-between",
    gap: tokens.spacingHorizontalM,
    padding: tokens.spacingHorizontalM,
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: tokens.colorNeutralBackground3,
  },
  password: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase400,
    userSelect: "all",
    overflowWrap: "anywhere",
  },
  text: { margin: 0 },
});

/** A password the control plane made. It closes by its button only: once closed nobody can see the password again. */
export function OncePassword({ made, onClose }: { made: Made | undefined; onClose: () => void }): ReactNode {
  const styles = useStyles();
  useFocusBack(made !== undefined);
  if (!made) return null;
  return (
    <Dialog modalType="alert" open>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t("users.passwordTitle", { name: made.userName })}</DialogTitle>
          <DialogContent className={styles.content}>
            <div className={styles.line}>
              <code className={styles.password}>{made.password}</code>
              <CopyButton text={made.password} />
            </div>
            <p className={styles.text}>{t("users.passwordOnce")}</p>
            <p className={styles.text}>{t("users.passwordNext")}</p>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              {t("users.passwordKept")}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
