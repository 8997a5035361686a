import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { PersonRegular, WindowConsoleRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import type { Tail } from "../../api/types";
import { ErrorView, usePoll } from "../../components";
import { full, t } from "../../text";
import { Card } from "../shared/Card";
import { PollState } from "../shared/PollState";
import { placeOf, portOf, vmPath } from "../shared/resourceId";
import { Scroller } from "../shared/Scroller";
import type { Machine } from "../vms/machine";
import { piecesOf } from "./pieces";

const SECONDS = 5;
/** Pixels from the end that still count as being there. */
const NEAR = 24;

const useStyles = makeStyles({
  box: {
    maxHeight: "20rem",
    padding: tokens.spacingHorizontalM,
    borderRadius: tokens.borderRadiusMedium,
    // As on a terminal, in both themes.
    backgroundColor: "#111716",
    color: "#dbe7e5",
  },
  lines: {
    margin: 0,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    lineHeight: tokens.lineHeightBase200,
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
  },
  record: {
    display: "flex",
    alignItems: "start",
    columnGap: tokens.spacingHorizontalXS,
    margin: `${tokens.spacingVerticalXS} 0`,
    padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalS}`,
    borderRadius: tokens.borderRadiusSmall,
    backgroundColor: "#23403c",
    fontSize: tokens.fontSizeBase200,
    overflowWrap: "anywhere",
  },
  note: { margin: 0, color: tokens.colorNeutralForeground2 },
});

interface Props {
  machine: Machine;
  /** Why they may not be read; they may when absent. */
  why: string | undefined;
  /** 1 to 200. */
  lines: number;
}

/** What the machine printed last and who was there meanwhile, also while it is off. */
export function LastLines({ machine, why, lines }: Props): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  const reason = why ?? (machine.certain ? undefined : t("vms.whyHost"));
  return (
    <Card
      title={t("vm.tail")}
      actions={
        <Button
          size="small"
          appearance="subtle"
          icon={<WindowConsoleRegular />}
          onClick={() => void navigate(vmPath(placeOf(machine.id), "console"))}
        >
          {t("vm.tailOpen")}
        </Button>
      }
    >
      {reason === undefined ? (
        <Read id={machine.id} name={machine.name} lines={lines} />
      ) : (
        <p className={styles.note}>{reason}</p>
      )}
    </Card>
  );
}

function Read({ id, name, lines }: { id: string; name: string; lines: number }): ReactNode {
  const styles = useStyles();
  const load = useCallback(
    (signal: AbortSignal) =>
      arm.post<Tail>(portOf(id, "tail"), {
        version: VERSIONS.serialConsole,
        body: { lines },
        signal,
      }),
    [id, lines],
  );
  const polled = usePoll(load, SECONDS);
  const { data, error, loading, refresh } = polled;
  const box = useRef<HTMLElement>(null);
  const height = useRef(0);
  const end = data?.end;
  // The last line is the one that matters, unless the person has scrolled away from it.
  useEffect(() => {
    const place = box.current;
    if (end === undefined || !place) return;
    const away = height.current - place.clientHeight - place.scrollTop;
    height.current = place.scrollHeight;
    if (away < NEAR) place.scrollTop = place.scrollHeight;
  }, [end]);

  if (loading) return <Spinner size="small" label={t("common.loading")} />;
  if (!data) return <ErrorView error={error} onRetry={() => void refresh()} />;
  const pieces = piecesOf(data);
  if (pieces.length === 0) return <p className={styles.note}>{t("vm.tailEmpty")}</p>;
  return (
    <>
      <Scroller ref={box} className={styles.box} label={t("vm.tailRegion", { name })}>
        {pieces.map((piece, place) =>
          "record" in piece ? (
            // biome-ignore lint/suspicious/noArrayIndexKey: a place in the log is all that a piece is known by.
            <p key={place} className={styles.record}>
              <PersonRegular aria-label={t("vm.tailRecord")} />
              <span>
                <time dateTime={piece.record.at}>{full(piece.record.at)}</time> {piece.record.text}
              </span>
            </p>
          ) : (
            // biome-ignore lint/suspicious/noArrayIndexKey: a place in the log is all that a piece is known by.
            <pre key={place} className={styles.lines}>
              {piece.lines}
            </pre>
          ),
        )}
      </Scroller>
      <PollState polled={polled} />
    </>
  );
}
