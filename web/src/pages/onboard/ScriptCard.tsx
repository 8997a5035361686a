import { Button, makeStyles, Spinner, Text, tokens } from "@fluentui/react-components";
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { CopyButton, ErrorView } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { CommandLine } from "../shared/CommandLine";
import { Scroller } from "../shared/Scroller";
import { saveAs } from "../shared/saveAs";
import { useScript } from "./useScript";
import type { Wishes } from "./wishes";

const useStyles = makeStyles({
  scroller: {
    maxHeight: "22rem",
    padding: tokens.spacingHorizontalM,
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: tokens.colorNeutralBackground3,
  },
  script: {
    margin: 0,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    lineHeight: tokens.lineHeightBase200,
  },
  steps: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 1fr)",
    rowGap: tokens.spacingVerticalM,
    margin: 0,
    paddingInlineStart: tokens.spacingHorizontalXL,
  },
  step: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalXS },
});

const SECRET = { linux: "/etc/outofband.secret", windows: "C:\\outofband.secret" } as const;

/** The script as the form stands, and what to do with it. */
export function ScriptCard({ wishes }: { wishes: Wishes }): ReactNode {
  const styles = useStyles();
  const { data, error, loading, refresh } = useScript(wishes);
  return (
    <>
      <Card
        title={t("onboard.script")}
        note={data?.name}
        actions={
          data && (
            <>
              <CopyButton text={data.script} />
              <Button
                icon={<ArrowDownloadRegular />}
                onClick={() => saveAs(data.name, data.script, "text/plain")}
              >
                {t("onboard.download")}
              </Button>
            </>
          )
        }
      >
        {error !== undefined && <ErrorView error={error} onRetry={() => void refresh()} />}
        {!data && loading && <Spinner label={t("common.loading")} />}
        {!data && !loading && error === undefined && <Text>{t("onboard.scriptWaits")}</Text>}
        {data && (
          <Scroller label={t("onboard.scriptName")} className={styles.scroller}>
            <pre className={styles.script}>{data.script}</pre>
          </Scroller>
        )}
      </Card>
      {data && (
        <Card title={t("onboard.steps")}>
          <Steps wishes={wishes} file={data.name} />
        </Card>
      )}
    </>
  );
}

function Steps({ wishes, file }: { wishes: Wishes; file: string }): ReactNode {
  const styles = useStyles();
  const { system, signIn } = wishes;
  const windows = system === "windows";
  const program = signIn === "program";
  const secret = SECRET[system];
  const command = windows
    ? `powershell -ExecutionPolicy Bypass -File .\\${file}${program ? ` -SecretFile ${secret}` : ""}`
    : `sudo sh ./${file}${program ? ` --secret-file ${secret}` : ""}`;
  return (
    <ol className={styles.steps}>
      <li>{t(program ? "onboard.stepCopyMany" : "onboard.stepCopy")}</li>
      {program && (
        <li>
          <div className={styles.step}>
            {t(windows ? "onboard.stepSecretWindows" : "onboard.stepSecret")}
            <CommandLine command={secret} />
          </div>
        </li>
      )}
      <li>
        <div className={styles.step}>
          {t(windows ? "onboard.stepRunWindows" : "onboard.stepRun")}
          <CommandLine command={command} />
        </div>
      </li>
      {!program && <li>{t("onboard.stepCode")}</li>}
      <li>{t("onboard.stepDone")}</li>
    </ol>
  );
}
