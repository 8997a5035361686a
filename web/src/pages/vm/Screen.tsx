import {
  Button,
  Dialog,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  DialogTrigger,
  makeStyles,
  Spinner,
  tokens,
  useRestoreFocusTarget,
} from "@fluentui/react-components";
import { ArrowClockwiseRegular, ArrowDownloadRegular, DismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useState } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { Screenshot } from "../../api/types";
import { ErrorView, usePoll, When } from "../../components";
import { full, t } from "../../text";
import { Card } from "../shared/Card";
import { portOf } from "../shared/resourceId";
import { saveAs } from "../shared/saveAs";
import type { Machine } from "../vms/machine";
import { isOff } from "../vms/power";

/** Between two pictures by themselves. */
const SECONDS = 30;

const useStyles = makeStyles({
  frame: {
    display: "block",
    width: "100%",
    padding: 0,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
    overflow: "hidden",
    backgroundColor: "black",
    cursor: "zoom-in",
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "2px" },
  },
  picture: { display: "block", width: "100%", height: "auto" },
  large: { maxWidth: "min(96vw, 1200px)" },
  note: { margin: 0, color: tokens.colorNeutralForeground2 },
});

interface Props {
  machine: Machine;
  /** Why it may not be looked at; it may when absent. */
  why: string | undefined;
}

/** The machine's screen as it is now, or the reason why there is none. */
export function Screen({ machine, why }: Props): ReactNode {
  const styles = useStyles();
  const reason = why ?? nothingToSee(machine);
  if (reason !== undefined) {
    return (
      <Card title={t("vm.screen")}>
        <p className={styles.note}>{reason}</p>
      </Card>
    );
  }
  // Another picture at once when the machine was started or stopped.
  return <Taken key={machine.since} machine={machine} />;
}

function nothingToSee(machine: Machine): string | undefined {
  if (!machine.screen) return t("vm.screenNone", { driver: machine.driver });
  if (!machine.certain) return t("vms.whyHost");
  return isOff(machine.power) ? t("vm.screenOff") : undefined;
}

function Taken({ machine }: Pick<Props, "machine">): ReactNode {
  const styles = useStyles();
  const restore = useRestoreFocusTarget();
  const [large, setLarge] = useState(false);
  const { id, name } = machine;
  const load = useCallback(
    (signal: AbortSignal) =>
      arm.post<Screenshot>(portOf(id, "screenshot"), {
        version: VERSIONS.serialConsole,
        signal,
      }),
    [id],
  );
  const [taking, setTaking] = useState(false);
  const { data, error, loading, refresh } = usePoll(load, SECONDS);

  async function again(): Promise<void> {
    setTaking(true);
    await refresh();
    setTaking(false);
  }

  const source = data && `data:${data.contentType};base64,${data.data}`;
  const scale = data?.scale ?? 1;
  const alt = data ? t("vm.screenAlt", { name, when: full(data.takenAt) }) : "";
  return (
    <Card
      title={t("vm.screen")}
      note={data && <When at={data.takenAt} relative />}
      actions={
        <Button
          size="small"
          appearance="subtle"
          icon={taking ? <Spinner size="extra-tiny" /> : <ArrowClockwiseRegular />}
          aria-label={t("vm.screenRefresh")}
          title={t("vm.screenRefresh")}
          disabledFocusable={taking}
          onClick={() => void again()}
        />
      }
    >
      {error !== undefined && <ErrorView error={error} onRetry={() => void again()} />}
      {loading && <Spinner size="small" label={t("vm.screenTake")} />}
      {source && (
        <button
          type="button"
          {...restore}
          className={styles.frame}
          aria-label={t("vm.screenEnlarge", { alt })}
          onClick={() => setLarge(true)}
        >
          <img className={styles.picture} src={source} alt={alt} />
        </button>
      )}
      <Dialog open={large} onOpenChange={(_, { open }) => setLarge(open)}>
        <DialogSurface className={styles.large}>
          <DialogBody>
            <DialogTitle
              action={
                <>
                  {data && (
                    <Button
                      appearance="subtle"
                      icon={<ArrowDownloadRegular />}
                      aria-label={t("vm.screenDownload")}
                      title={t("vm.screenDownload")}
                      onClick={() =>
                        saveAs(`${name}-${data.takenAt}.png`, bytesOf(data.data), data.contentType)
                      }
                    />
                  )}
                  <DialogTrigger action="close">
                    <Button appearance="subtle" icon={<DismissRegular />} aria-label={t("common.close")} />
                  </DialogTrigger>
                </>
              }
            >
              {t("vm.screenLarge", { name })}
            </DialogTitle>
            <DialogContent>
              {source && <img className={styles.picture} src={source} alt={alt} />}
              {scale > 1 && <p className={styles.note}>{t("vm.screenScaled", { scale })}</p>}
            </DialogContent>
          </DialogBody>
        </DialogSurface>
      </Dialog>
    </Card>
  );
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
