import { Button, makeStyles, Text, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import { PageHeader } from "../components";
import { t } from "../text";

const useStyles = makeStyles({
  root: { display: "grid", justifyItems: "start", rowGap: tokens.spacingVerticalL },
});

export function NotFound(): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  return (
    <>
      <PageHeader title={t("frame.notFoundTitle")} />
      <div className={styles.root}>
        <Text>{t("frame.notFoundText")}</Text>
        <Button appearance="primary" onClick={() => void navigate("/vms")}>
          {t("frame.goHome")}
        </Button>
      </div>
    </>
  );
}
