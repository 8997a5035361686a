import { makeStyles, tokens } from "@fluentui/react-components";
import { EyeRegular, KeyboardRegular, PlugDisconnectedRegular } from "@fluentui/react-icons";
import { type ReactElement, type ReactNode, useCallback } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { SerialPort, SerialPortReport, Viewer } from "../../api/types";
import { usePoll } from "../../components";
import { clientWord } from "../../console/clientWord";
import { ago, t } from "../../text";
import { Card } from "../shared/Card";
import { portOf } from "../shared/resourceId";

const useStyles = makeStyles({
  line: { display: "flex", alignItems: "center", columnGap: tokens.spacingHorizontalS, margin: 0 },
  icon: { display: "inline-flex", fontSize: "1.25rem", color: tokens.colorNeutralForeground3 },
});

const SECONDS = 10;

interface Props {
  /** The machine's id. */
  vm: string;
  /** Undefined when the host has not said. */
  port: SerialPortReport | undefined;
}

interface Said {
  icon: ReactElement;
  words: string;
}

/** Who has the keyboard of the machine's console, and who looks on: by name for those who may connect themselves. */
export function Attached({ vm, port }: Props): ReactNode {
  return (
    <Card title={t("vm.attached")}>
      {port && (port.viewers > 0 || port.writer) ? (
        <Somebody vm={vm} port={port} />
      ) : (
        <Line
          icon={<PlugDisconnectedRegular />}
          words={t(port ? "vm.attachedNobody" : "vm.attachedUnknown")}
        />
      )}
    </Card>
  );
}

function Somebody({ vm, port }: { vm: string; port: SerialPortReport }): ReactNode {
  const load = useCallback(
    (signal: AbortSignal) => arm.get<SerialPort>(portOf(vm), { version: VERSIONS.serialConsole, signal }),
    [vm],
  );
  // How many there are is known in any case: an error here is not worth a word.
  const viewers = usePoll(load, SECONDS).data?.properties.outofband?.viewers;
  return viewers?.length
    ? viewers.map((each) => <Line key={each.session} {...named(each)} />)
    : counted(port).map((each) => <Line key={each.words} {...each} />);
}

function named({ name, mode, since, address, client }: Viewer): Said {
  const values = {
    name,
    since: ago(since),
    address: address || t("vm.attachedSomewhere"),
    client: client ? t("vm.attachedWith", { client: clientWord(client) }) : "",
  };
  return mode === "write"
    ? { icon: <KeyboardRegular />, words: t("vm.attachedTypes", values) }
    : { icon: <EyeRegular />, words: t("vm.attachedLooks", values) };
}

function counted({ viewers, writer }: SerialPortReport): Said[] {
  const watching = viewers - (writer ? 1 : 0);
  const keyboard = writer ? t("vm.attachedWriter", { name: writer }) : t("vm.attachedNoWriter");
  return [
    { icon: <KeyboardRegular />, words: keyboard },
    ...(watching > 0 ? [{ icon: <EyeRegular />, words: t("vm.attachedWatching", { count: watching }) }] : []),
  ];
}

function Line({ icon, words }: Said): ReactNode {
  const styles = useStyles();
  return (
    <p className={styles.line}>
      <span className={styles.icon} aria-hidden>
        {icon}
      </span>
      {words}
    </p>
  );
}
