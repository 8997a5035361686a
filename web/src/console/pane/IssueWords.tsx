import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import type { ApiError } from "../../api/errors";
import { CopyButton } from "../../components";

const useStyles = makeStyles({
  command: {
    display: "flex",
    alignItems: "center",
    justifyContent: "space-between",
    columnGap: tokens.spacingHorizontalS,
    marginBottom: tokens.spacingVerticalXS,
    "& button": { flexShrink: 0 },
  },
  code: { fontFamily: tokens.fontFamilyMonospace, overflowWrap: "anywhere" },
});

/** A known trouble: where it comes from, and what to do, with the commands to copy. */
export function IssueWords({ fault }: { fault: ApiError }): ReactNode {
  const styles = useStyles();
  return (
    <>
      <p>{fault.cause}</p>
      {fault.remedy?.map((step) => (
        <div key={step}>
          <p>{step.replaceAll("`", "")}</p>
          {commandsOf(step).map((command) => (
            <div key={command} className={styles.command}>
              <code className={styles.code}>{command}</code>
              <CopyButton text={command} size="small" />
            </div>
          ))}
        </div>
      ))}
    </>
  );
}

/** What stands between backticks in a remedy. */
function commandsOf(step: string): string[] {
  return step.split("`").filter((_, index) => index % 2 === 1);
}
