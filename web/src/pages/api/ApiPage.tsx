import { makeStyles, SearchBox, Spinner, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback, useMemo, useState } from "react";
import { useSearchParams } from "react-router";
import { arm } from "../../api/client";
import { useAuth } from "../../auth";
import { Empty, ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { loadKnown } from "./known";
import { OperationForm } from "./OperationForm";
import { OperationList } from "./OperationList";
import { matching, operationsOf } from "./openapi";

const useStyles = makeStyles({
  columns: {
    display: "grid",
    gridTemplateColumns: "minmax(16rem, 24rem) minmax(0, 1fr)",
    columnGap: tokens.spacingHorizontalXXL,
    alignItems: "start",
    "@media (max-width: 1023px)": { gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalL },
  },
  list: { display: "grid", rowGap: tokens.spacingVerticalM, minWidth: 0 },
  box: { maxWidth: "none" },
});

/** Every call of the REST API, to be run as who is signed in. */
export default function ApiPage(): ReactNode {
  const styles = useStyles();
  const [chosen, setChosen] = useSearchParams();
  const [query, setQuery] = useState("");
  const { tenantId } = useAuth().config;
  const load = useCallback(
    async (signal: AbortSignal) => {
      const [document, known] = await Promise.all([
        arm.get<unknown>("/openapi.json", { signal }),
        loadKnown(tenantId, signal),
      ]);
      return { operations: operationsOf(document), known };
    },
    [tenantId],
  );
  const { data, error, loading, refresh } = usePoll(load, 0);

  const found = useMemo(() => matching(data?.operations ?? [], query), [data, query]);
  const id = chosen.get("operation");
  const operation = data?.operations.find((each) => each.id === id);

  return (
    <>
      <PageHeader title={t("api.title")} subtitle={t("api.subtitle")} />
      {error !== undefined && <ErrorView error={error} onRetry={() => void refresh()} />}
      {loading && <Spinner label={t("common.loading")} />}
      {data && (
        <div className={styles.columns}>
          <div className={styles.list}>
            <SearchBox
              className={styles.box}
              placeholder={t("api.searchHint")}
              aria-label={t("api.search")}
              dismiss={{ "aria-label": t("common.clearSearch") }}
              value={query}
              onChange={(_, change) => setQuery(change.value)}
            />
            <OperationList operations={found} searching={query.trim() !== ""} chosen={operation?.id} />
          </div>
          {operation ? (
            <OperationForm
              key={operation.id}
              operation={operation}
              known={data.known}
              onClose={() => setChosen({})}
            />
          ) : (
            <Empty title={t("api.chooseTitle")}>{t("api.chooseText")}</Empty>
          )}
        </div>
      )}
    </>
  );
}
