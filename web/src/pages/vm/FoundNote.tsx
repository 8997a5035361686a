import { MessageBar, MessageBarBody, MessageBarTitle, makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { Link as RouterLink } from "react-router";
import type { OpenFinding } from "../../api/types";
import { Prose } from "../../components";
import { localTimes, t } from "../../text";
import { type Place, vmPath } from "../shared/resourceId";
import { useTableStyles } from "../shared/tableStyles";

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalS },
  body: {
    display: "grid",
    rowGap: tokens.spacingVerticalXS,
    paddingBlock: tokens.spacingVerticalS,
    whiteSpace: "normal",
    overflowWrap: "anywhere",
  },
});

/** What was recognised in what a machine printed, each with the way to its lines, cause and remedy. */
export function FoundNote({
  place,
  findings,
}: {
  place: Place;
  findings: readonly OpenFinding[];
}): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  const grave = findings.filter((each) => each.severity !== "note");
  if (grave.length === 0) return null;
  return (
    <div className={styles.root}>
      {grave.map((each) => (
        <MessageBar key={each.id} intent={each.severity === "error" ? "error" : "warning"} layout="multiline">
          <MessageBarBody className={styles.body}>
            <MessageBarTitle>{each.title}</MessageBarTitle>
            <span>
              <Prose text={localTimes(each.message)} />
            </span>
            <RouterLink
              className={table.link}
              to={`${vmPath(place, "diagnostics")}?${new URLSearchParams({ offset: String(each.offset) })}`}
            >
              {t("vm.findingSee")}
            </RouterLink>
          </MessageBarBody>
        </MessageBar>
      ))}
    </div>
  );
}
