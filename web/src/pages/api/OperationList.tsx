import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { t } from "../../text";
import { byTag, type Operation } from "./openapi";
import { Verb } from "./Verb";

interface Props {
  operations: readonly Operation[];
  searching: boolean;
  chosen: string | undefined;
}

/** Azure's three calls that close and open every console of a subscription: what people come here for first. */
const FIRST = /\/Microsoft\.SerialConsole\/consoleServices\/[^/]+(?:\/(?:disable|enable)Console)?$/i;

const useStyles = makeStyles({
  group: { marginBottom: tokens.spacingVerticalS },
  summary: {
    cursor: "pointer",
    paddingBlock: tokens.spacingVerticalXS,
    fontWeight: tokens.fontWeightSemibold,
    overflowWrap: "anywhere",
  },
  list: { margin: 0, padding: 0, listStyleType: "none" },
  link: {
    display: "grid",
    gridTemplateColumns: "4rem minmax(0, 1fr)",
    alignItems: "baseline",
    columnGap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
    borderRadius: tokens.borderRadiusMedium,
    color: tokens.colorNeutralForeground1,
    textDecorationLine: "none",
    ":hover": { backgroundColor: tokens.colorSubtleBackgroundHover },
  },
  chosen: { backgroundColor: tokens.colorNeutralBackground1Selected },
  path: {
    display: "block",
    color: tokens.colorNeutralForeground2,
    fontSize: tokens.fontSizeBase200,
    overflowWrap: "anywhere",
  },
});

export function OperationList({ operations, searching, chosen }: Props): ReactNode {
  const styles = useStyles();
  const first = useMemo(() => operations.filter((each) => FIRST.test(each.path)), [operations]);
  const groups = useMemo(() => byTag(operations, t("api.other")), [operations]);
  if (operations.length === 0) return <p role="status">{t("api.nothing")}</p>;
  return (
    <nav aria-label={t("api.calls")}>
      {!searching && first.length > 0 && (
        <details className={styles.group} open>
          <summary className={styles.summary}>{t("api.consoleSwitch")}</summary>
          <Calls operations={first} chosen={chosen} />
        </details>
      )}
      {groups.map(({ tag, operations: some }) => (
        <details
          key={tag + String(searching)}
          className={styles.group}
          open={searching || some.some((each) => each.id === chosen)}
        >
          <summary className={styles.summary}>{t("api.group", { name: tag, count: some.length })}</summary>
          <Calls operations={some} chosen={chosen} />
        </details>
      ))}
    </nav>
  );
}

function Calls({
  operations,
  chosen,
}: {
  operations: readonly Operation[];
  chosen: string | undefined;
}): ReactNode {
  const styles = useStyles();
  return (
    <ul className={styles.list}>
      {operations.map((each) => (
        <li key={each.id}>
          <Link
            to={{ search: `?${new URLSearchParams({ operation: each.id }).toString()}` }}
            className={mergeClasses(styles.link, each.id === chosen && styles.chosen)}
            aria-current={each.id === chosen ? "true" : undefined}
          >
            <Verb method={each.method} />
            <span>
              {each.summary || each.id}
              <span className={styles.path}>{shortened(each.path)}</span>
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** What every path of a VM or subscription begins with says nothing in a list. */
function shortened(path: string): string {
  return path
    .replace(/^\/subscriptions\/\{[^}]+\}(?=\/)/, "…")
    .replace(/\/resourceGroups\/\{[^}]+\}(?=\/)/, "/…");
}
