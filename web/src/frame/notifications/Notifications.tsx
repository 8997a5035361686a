import { makeStyles, mergeClasses, Spinner } from "@fluentui/react-components";
import { AlertRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { LaterOver, Part } from "../../components";
import { notices } from "../../notices";
import { useStore } from "../../store";
import { t } from "../../text";
import { BarButton } from "../BarButton";

const PANEL = new Part(() => import("./NoticeDrawer"));

const useStyles = makeStyles({
  bell: { position: "relative", display: "inline-flex" },
  badge: {
    position: "absolute",
    top: "-8px",
    insetInlineEnd: "-10px",
    minWidth: "16px",
    height: "16px",
    paddingInline: "4px",
    boxSizing: "border-box",
    borderRadius: "8px",
    backgroundColor: "var(--bar-badge)",
    color: "var(--bar-foreground)",
    fontSize: "11px",
    fontWeight: 600,
    lineHeight: "16px",
    textAlign: "center",
  },
  alarm: { backgroundColor: "var(--bar-alarm)" },
  busy: { position: "absolute", top: "-6px", insetInlineEnd: "-8px" },
});

/** The bell: how many ended unseen, whether anything runs, and the list of all. */
export function Notifications(): ReactNode {
  const styles = useStyles();
  const [open, setOpen] = useState(false);
  const all = useStore(notices.store);
  const running = all.filter((each) => each.progress === "running").length;
  const unread = all.filter((each) => each.unread).length;
  const failed = all.some((each) => each.unread && each.progress === "failed");
  return (
    <>
      <BarButton
        aria-label={t("frame.notificationsState", { unread, running })}
        aria-expanded={open}
        onClick={() => setOpen(true)}
        icon={
          <span className={styles.bell}>
            <AlertRegular />
            {unread > 0 ? (
              <span className={mergeClasses(styles.badge, failed && styles.alarm)} aria-hidden>
                {unread}
              </span>
            ) : (
              running > 0 && (
                <Spinner className={styles.busy} size="extra-tiny" appearance="inverted" aria-hidden />
              )
            )}
          </span>
        }
      />
      {open && <LaterOver part={PANEL} onClose={() => setOpen(false)} />}
    </>
  );
}
