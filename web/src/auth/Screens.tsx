/** What is shown to somebody who is not signed in. */

import { Button, makeStyles, Text, tokens } from "@fluentui/react-components";
import type { OidcClient } from "oidc-client-ts";
import { type ReactNode, useEffect } from "react";
import { ErrorView } from "../components";
import { Mark } from "../frame/Mark";
import { t } from "../text";
import { signInFailure } from "./failure";
import { depart } from "./session";

/** As the control plane's own sign-in page looks, which comes before or after. */
const useStyles = makeStyles({
  page: {
    display: "grid",
    alignContent: "start",
    justifyItems: "center",
    rowGap: tokens.spacingVerticalXL,
    minHeight: "100%",
    boxSizing: "border-box",
    padding: `${tokens.spacingVerticalXXXL} ${tokens.spacingHorizontalL}`,
    backgroundColor: tokens.colorNeutralBackground3,
  },
  brand: {
    display: "flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalM,
    fontSize: tokens.fontSizeBase400,
  },
  where: { color: tokens.colorNeutralForeground2 },
  card: {
    display: "grid",
    rowGap: tokens.spacingVerticalL,
    width: "100%",
    maxWidth: "38rem",
    boxSizing: "border-box",
    padding: tokens.spacingHorizontalXXL,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusXLarge,
    backgroundColor: tokens.colorNeutralBackground1,
  },
  title: { margin: 0, fontSize: tokens.fontSizeBase600, lineHeight: tokens.lineHeightBase600 },
  buttons: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS },
});

export function SignedOut({ client }: { client: OidcClient }): ReactNode {
  return (
    <Screen title={t("frame.signedOutTitle")}>
      <Text>{t("frame.signedOutText")}</Text>
      <Ways client={client} />
    </Screen>
  );
}

/** Nothing here goes on by itself: a portal that signs in again and again cannot be read. */
export function SignInFailed(props: { error: unknown; client: OidcClient | undefined }): ReactNode {
  const { error, client } = props;
  return (
    <Screen title={t("frame.signInFailed")}>
      <ErrorView error={signInFailure(error)} onRetry={client ? undefined : () => location.reload()} />
      {client && <Ways client={client} />}
    </Screen>
  );
}

function Screen({ title, children }: { title: string; children: ReactNode }): ReactNode {
  const styles = useStyles();
  useEffect(() => {
    document.title = t("frame.documentTitle", { page: title });
  }, [title]);
  return (
    <main className={styles.page}>
      <div className={styles.brand}>
        <Mark size={32} />
        <Text size={400} weight="semibold">
          {t("common.product")}
        </Text>
        <span className={styles.where}>{location.host}</span>
      </div>
      <div className={styles.card}>
        <h1 className={styles.title}>{title}</h1>
        {children}
      </div>
    </main>
  );
}

function Ways({ client }: { client: OidcClient }): ReactNode {
  const styles = useStyles();
  const home = import.meta.env.BASE_URL;
  return (
    <div className={styles.buttons}>
      <Button appearance="primary" onClick={() => void depart(client, home, "load")}>
        {t("frame.signInAgain")}
      </Button>
      <Button onClick={() => void depart(client, home, "load", "login")}>{t("frame.signInOther")}</Button>
    </div>
  );
}
