import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { Confirm, ErrorView } from "../../components";
import { t } from "../../text";
import { sendSysrq } from "../deeds";
import type { Seat } from "../seat";
import { FORCE, isForce, LOOK, SAVE, type Sysrq } from "../sysrq";

const GROUPS = [
  { title: "console.sysrqLook", keys: LOOK },
  { title: "console.sysrqSave", keys: SAVE },
  { title: "console.sysrqForce", keys: FORCE },
] as const;

const useStyles = makeStyles({
  surface: { maxWidth: "52rem" },
  groups: {
    display: "grid",
    gridTemplateColumns: "repeat(auto-fit, minmax(14rem, 1fr))",
    gap: tokens.spacingHorizontalL,
  },
  group: { display: "grid", alignContent: "start", rowGap: tokens.spacingVerticalXXS },
  title: { margin: 0, fontSize: tokens.fontSizeBase300 },
  key: { justifyContent: "flex-start", textAlign: "start", fontWeight: tokens.fontWeightRegular },
  letter: {
    minWidth: "1.2em",
    textAlign: "center",
    fontFamily: tokens.fontFamilyMonospace,
    fontWeight: tokens.fontWeightBold,
  },
  said: { minHeight: "1.5em", margin: 0 },
});

/** Every SysRq key with what it does. It stays open: one seldom sends only one. */
export function SysrqDialog({ seat, onClose }: { seat: Seat; onClose: () => void }): ReactNode {
  const styles = useStyles();
  const [asked, setAsked] = useState<Sysrq | null>(null);
  const [busy, setBusy] = useState<Sysrq | null>(null);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<unknown>();
  const { machine } = seat;

  async function send(key: Sysrq, reason = ""): Promise<void> {
    setBusy(key);
    setError(undefined);
    setSaid("");
    try {
      const seen = await sendSysrq(machine, key, reason);
      setSaid(seen);
      seat.say(seen);
    } finally {
      setBusy(null);
    }
  }

  function choose(key: Sysrq): void {
    if (isForce(key)) setAsked(key);
    else send(key).catch(setError);
  }

  return (
    <Dialog open onOpenChange={(_, data) => !data.open && onClose()}>
      <DialogSurface className={styles.surface}>
        <DialogBody>
          <DialogTitle>{t("console.sysrqTitle", machine)}</DialogTitle>
          <DialogContent>
            <p>{t("console.sysrqIntro")}</p>
            <div className={styles.groups}>
              {GROUPS.map(({ title, keys }) => (
                <section key={title} className={styles.group}>
                  <h3 className={styles.title}>{t(title)}</h3>
                  {keys.map((key) => (
                    <Button
                      key={key}
                      appearance="subtle"
                      className={styles.key}
                      disabledFocusable={busy !== null}
                      icon={
                        busy === key ? (
                          <Spinner size="extra-tiny" />
                        ) : (
                          <span className={styles.letter}>{key.toUpperCase()}</span>
                        )
                      }
                      onClick={() => choose(key)}
                    >
                      {t(`console.sysrq_${key}`)}
                    </Button>
                  ))}
                </section>
              ))}
            </div>
            <p className={styles.said} role="status">
              {said}
            </p>
            {error !== undefined && <ErrorView error={error} />}
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              {t("common.close")}
            </Button>
          </DialogActions>
        </DialogBody>
        {asked && (
          <Confirm
            open
            title={t("console.sysrqSure", {
              key: asked.toUpperCase(),
              name: machine.name,
              what: t(`console.sysrq_${asked}`),
            })}
            loses={[t("console.sysrqLossNow"), t("vm.resetLoss2")]}
            confirm={t("console.sysrqSend", { key: asked.toUpperCase() })}
            asksWhy
            onConfirm={(reason) => send(asked, reason)}
            onClose={() => setAsked(null)}
          />
        )}
      </DialogSurface>
    </Dialog>
  );
}
