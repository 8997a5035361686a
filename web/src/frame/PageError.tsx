import { Button, makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { useRouteError } from "react-router";
import { ErrorView } from "../components";
import { t } from "../text";

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalM, maxWidth: "48rem" },
  whole: { margin: "10vh auto", paddingInline: tokens.spacingHorizontalL },
});

/** In place of a page that threw: its code, and a way on. `whole`: the frame itself is gone too. */
export function PageError({ whole = false }: { whole?: boolean }): ReactNode {
  const styles = useStyles();
  const error = useRouteError();
  return (
    <div className={whole ? `${styles.root} ${styles.whole}` : styles.root}>
      <ErrorView error={error} onRetry={() => location.reload()} />
      <div>
        <Button onClick={() => location.assign(import.meta.env.BASE_URL)}>{t("frame.goHome")}</Button>
      </div>
    </div>
  );
}
