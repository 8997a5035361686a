import { Button, MessageBar, MessageBarBody, MessageBarTitle, Spinner } from "@fluentui/react-components";
import { ArrowDownloadRegular, ArrowUndoRegular, StopRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { arm, VERSIONS } from "../../../api/client";
import type { VirtualMachine } from "../../../api/types";
import { ErrorView, StatusBadge } from "../../../components";
import { clockTime, full, localTimes, t } from "../../../text";
import { Card } from "../../shared/Card";
import { CommandLine } from "../../shared/CommandLine";
import { Facts } from "../../shared/Facts";
import { saveAs } from "../../shared/saveAs";
import { subjectOf } from "../../vms/actions";
import { FoundWords } from "./FoundWords";
import { RescueQuestion } from "./RescueQuestion";
import { RescueSteps } from "./RescueSteps";
import {
  headline,
  isOver,
  type Look,
  lacking,
  type Outcome,
  outcomeOf,
  type Rescue,
  undoneAt,
} from "./rescue";
import { useSupportStyles } from "./useStyles";

interface Props {
  vm: VirtualMachine;
  run: Rescue;
  onChanged: () => Promise<void>;
}

const INTENTS = {
  good: "success",
  bad: "error",
  neutral: "info",
} as const satisfies Readonly<Record<Outcome, string>>;

/** One run: how it goes, what it asks, its steps, and what it leaves for support. */
export function RescueRun({ vm, run, onChanged }: Props): ReactNode {
  const styles = useSupportStyles();
  const { properties } = run;
  const { question, mainCause } = properties;
  const over = isOver(run);
  const undone = undoneAt(run);
  return (
    <>
      <Card
        title={t("rescue.run", { when: full(properties.created), who: properties.createdBy })}
        actions={<Commands vm={vm} run={run} onChanged={onChanged} />}
      >
        <MessageBar
          intent={over && !undone ? INTENTS[outcomeOf(run)] : "info"}
          {...(!over && !question && { icon: <Spinner size="tiny" /> })}
          layout="multiline"
          role="status"
        >
          <MessageBarBody className={styles.body}>
            <MessageBarTitle>{localTimes(headline(run))}</MessageBarTitle>
            {undone && <span>{t("rescue.afterUndo", { when: full(undone) })}</span>}
            {over && mainCause && (
              <span>
                {t("rescue.mainCause", { cause: mainCause.title })} <code>{mainCause.code}</code>
              </span>
            )}
          </MessageBarBody>
        </MessageBar>
        {properties.problem && <FoundWords found={properties.problem} />}
        {question && (
          <RescueQuestion key={question.step} vm={vm} run={run} question={question} onChanged={onChanged} />
        )}
        <Lacking run={run} />
      </Card>
      <Connection run={run} />
      <RescueSteps steps={properties.steps} />
      {over && <OwnSide run={run} />}
      {over && <Report vm={vm} run={run} />}
    </>
  );
}

function Commands({ vm, run, onChanged }: Props): ReactNode {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  async function go(deed: () => Promise<unknown>): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await deed();
    } catch (thrown) {
      setError(thrown);
    } finally {
      await onChanged();
      setBusy(false);
    }
  }

  const version = VERSIONS.diagnostics;
  if (error !== undefined) return <ErrorView error={error} onRetry={() => setError(undefined)} />;
  if (!isOver(run)) {
    return (
      <Button
        icon={busy ? <Spinner size="tiny" /> : <StopRegular />}
        disabledFocusable={busy}
        onClick={() => void go(() => arm.post(`${run.id}/stop`, { version }))}
      >
        {busy ? t("rescue.stopping") : t("rescue.stop")}
      </Button>
    );
  }
  if (!run.properties.undoable) return null;
  const title = t("rescue.noticeUndo", { name: vm.name });
  return (
    <Button
      icon={busy ? <Spinner size="tiny" /> : <ArrowUndoRegular />}
      title={t("rescue.undoHint")}
      disabledFocusable={busy}
      onClick={() => void go(() => arm.begin(`${run.id}/undo`, { version, title, subject: subjectOf(vm) }))}
    >
      {t("rescue.undo")}
    </Button>
  );
}

function Lacking({ run }: { run: Rescue }): ReactNode {
  const styles = useSupportStyles();
  const found = lacking(run);
  if (found.length === 0) return null;
  return (
    <div>
      <span className={styles.strong}>{t("rescue.rights")}:</span>
      <ul className={styles.list}>
        {found.map(({ step, deed, action }) => (
          <li key={`${deed} ${action}`}>{t("rescue.rightLacking", { deed: step, action })}</li>
        ))}
      </ul>
    </div>
  );
}

/** How the port answered the last time, from each side. */
function Connection({ run }: { run: Rescue }): ReactNode {
  const { probe, findings } = run.properties;
  // What the look before the first step found: of the machine, not of a step.
  const before = findings.filter((each) => each.step === 0);
  const problem = probe.last?.controlPlane?.problem ?? probe.last?.host?.problem;
  return (
    <Card title={undoneAt(run) ? t("rescue.earlierLook") : t("rescue.now")}>
      <Facts
        facts={[
          { name: t("rescue.fromControlPlane"), value: <Answer look={probe.last?.controlPlane} /> },
          { name: t("rescue.fromHost"), value: <Answer look={probe.last?.host} /> },
        ]}
      />
      {/* A guest that answers its host is not what a client takes it for: causes in it would mislead. */}
      {problem && <FoundWords found={problem} brief={probe.guestAnswers && !probe.works} />}
      {before.map((found) => (
        <FoundWords key={found.code} found={found} />
      ))}
    </Card>
  );
}

/** The control plane sees what anybody sees, but not what is between the reader and the machine. */
function OwnSide({ run }: { run: Rescue }): ReactNode {
  const styles = useSupportStyles();
  const { address, protocol } = run.properties;
  if (!address) return null;
  return (
    <Card title={t("rescue.yourSide")}>
      <p className={styles.text}>{t("rescue.yourSideText")}</p>
      <CommandLine command={`oob probe ${address} --protocol ${protocol}`} />
    </Card>
  );
}

function Answer({ look }: { look: Look | null | undefined }): ReactNode {
  if (!look) return <StatusBadge tone="unknown">{t("rescue.notLooked")}</StatusBadge>;
  return (
    <StatusBadge
      tone={look.works ? "good" : "bad"}
      title={look.began && t("rescue.lastLook", { when: clockTime(look.began) })}
    >
      {look.works ? t("rescue.works") : t("rescue.silent")}
    </StatusBadge>
  );
}

function Report({ vm, run }: { vm: VirtualMachine; run: Rescue }): ReactNode {
  const styles = useSupportStyles();
  const [error, setError] = useState<unknown>();

  async function save(as: "html" | "json"): Promise<void> {
    setError(undefined);
    try {
      const found = await arm.get<{ report: object; html: string }>(`${run.id}/report`, {
        version: VERSIONS.diagnostics,
      });
      const name = `${vm.name}-${run.name}`;
      if (as === "html") saveAs(`${name}.html`, found.html, "text/html");
      else saveAs(`${name}.json`, JSON.stringify(found.report, undefined, 2), "application/json");
    } catch (thrown) {
      setError(thrown);
    }
  }

  return (
    <Card title={t("rescue.report")}>
      <div className={styles.buttons}>
        <Button icon={<ArrowDownloadRegular />} onClick={() => void save("html")}>
          {t("rescue.reportHtml")}
        </Button>
        <Button icon={<ArrowDownloadRegular />} onClick={() => void save("json")}>
          {t("rescue.reportJson")}
        </Button>
      </div>
      {error !== undefined && <ErrorView error={error} onRetry={() => setError(undefined)} />}
    </Card>
  );
}
