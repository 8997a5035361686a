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
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { useAuth } from "../../auth";
import { t } from "../../text";
import { useLocale } from "../../text/language";
import { acknowledge, isAcknowledged } from "../caution";

const useStyles = makeStyles({
  list: {
    display: "grid",
    rowGap: tokens.spacingVerticalS,
    marginBlock: 0,
    paddingInlineStart: tokens.spacingHorizontalXL,
  },
  once: { color: tokens.colorNeutralForeground2, marginBottom: 0 },
});

/** Says what a console keeps, and who may read it, before its first use by this person in this browser. */
export function CautionGate({ children }: { children: ReactNode }): ReactNode {
  const styles = useStyles();
  useLocale();
  const navigate = useNavigate();
  const { user, config } = useAuth();
  const [read, setRead] = useState(() => isAcknowledged(user.objectId, config.cautionVersion));
  if (read) return children;

  function accept(): void {
    acknowledge(user.objectId, config.cautionVersion);
    setRead(true);
  }

  return (
    <Dialog open modalType="alert">
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t("console.cautionTitle")}</DialogTitle>
          <DialogContent>
            <ul className={styles.list}>
              <li>
                <strong>{t("console.cautionKept")}</strong> {t("console.cautionWho")}
              </li>
              <li>{t("console.cautionPassword")}</li>
              <li>{t("console.cautionInstead")}</li>
              <li>{t("console.cautionAudit")}</li>
            </ul>
            <p className={styles.once}>{t("console.cautionOnce")}</p>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={accept}>
              {t("console.cautionAccept")}
            </Button>
            <Button onClick={() => void navigate("/vms")}>{t("console.cautionLater")}</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
