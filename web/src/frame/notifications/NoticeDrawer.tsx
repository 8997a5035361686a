import {
  Button,
  DrawerBody,
  DrawerHeader,
  DrawerHeaderTitle,
  makeStyles,
  OverlayDrawer,
} from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useEffect } from "react";
import { notices } from "../../notices";
import { useStore } from "../../store";
import { t } from "../../text";
import { NoticeList } from "./NoticeList";

const useStyles = makeStyles({
  drawer: { width: "min(24rem, 100vw)" },
  clear: { alignSelf: "flex-start" },
});

/** The panel of the bell. What is in it counts as read. */
export default function NoticeDrawer({ onClose }: { onClose: () => void }): ReactNode {
  const styles = useStyles();
  const all = useStore(notices.store);
  useEffect(() => {
    if (all.some((each) => each.unread)) notices.read();
  }, [all]);
  return (
    <OverlayDrawer
      open
      position="end"
      className={styles.drawer}
      onOpenChange={(_, change) => !change.open && onClose()}
    >
      <DrawerHeader>
        <DrawerHeaderTitle
          action={
            <Button
              appearance="subtle"
              aria-label={t("common.close")}
              icon={<DismissRegular />}
              onClick={onClose}
            />
          }
        >
          {t("frame.notifications")}
        </DrawerHeaderTitle>
        {all.some((each) => each.progress !== "running") && (
          <Button className={styles.clear} size="small" onClick={() => notices.clear()}>
            {t("frame.clear")}
          </Button>
        )}
      </DrawerHeader>
      <DrawerBody>
        <NoticeList all={all} onGo={onClose} />
      </DrawerBody>
    </OverlayDrawer>
  );
}
