import { Button, makeStyles, Title3, tokens } from "@fluentui/react-components";
import { OpenRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../text";
import { LOOK_SECONDS } from "../connection";
import { listenerAddress } from "../reach";

interface Props {
  /** The listener's address (wss). */
  listener: string;
  /** `refused`: no at once, as for a certificate; `silent`: no answer at all, as behind a firewall. */
  reach: "refused" | "silent";
}

const useStyles = makeStyles({
  root: {
    display: "grid",
    rowGap: tokens.spacingVerticalM,
    maxWidth: "44rem",
    padding: tokens.spacingHorizontalL,
    overflowWrap: "anywhere",
  },
  text: { margin: 0 },
  list: { display: "grid", rowGap: tokens.spacingVerticalXS, margin: 0 },
  small: { margin: 0, color: tokens.colorNeutralForeground2 },
});

/** The API answers, the console's own port does not: what it may be, how to tell, and what to do about it. */
export function Unreachable({ listener, reach }: Props): ReactNode {
  const styles = useStyles();
  const certificate = <Certificate key="certificate" listener={listener} />;
  const port = <Port key="port" listener={listener} />;
  return (
    <section className={styles.root} role="alert">
      <Title3 as="h2">{t(reach === "refused" ? "console.reachTitle" : "console.reachTitleSilent")}</Title3>
      <p className={styles.text}>{t("console.reachIntro", { listener: listenerAddress(listener, "") })}</p>
      {reach === "refused" ? [certificate, port] : [port, certificate]}
      <p className={styles.small}>{t("console.reachTrying", { seconds: LOOK_SECONDS })}</p>
    </section>
  );
}

function Certificate({ listener }: { listener: string }): ReactNode {
  const styles = useStyles();
  const address = listenerAddress(listener, "/trust");
  return (
    <div>
      <h3>{t("console.reachCertificate")}</h3>
      <p className={styles.text}>{t("console.reachCertificateWhy")}</p>
      <ol className={styles.list}>
        <li>
          {t("console.reachStep1")}{" "}
          <Button
            as="a"
            href={address}
            target="_blank"
            rel="noreferrer"
            size="small"
            appearance="primary"
            icon={<OpenRegular />}
          >
            {t("console.reachOpen")}
          </Button>
        </li>
        <li>{t("console.reachStep2")}</li>
        <li>{t("console.reachStep3")}</li>
      </ol>
      <p className={styles.small}>{t("console.reachCertificateMend")}</p>
    </div>
  );
}

function Port({ listener }: { listener: string }): ReactNode {
  const styles = useStyles();
  const { hostname, port } = new URL(listener);
  return (
    <div>
      <h3>{t("console.reachPort", { port: port || "443" })}</h3>
      <p className={styles.text}>{t("console.reachPortWhy")}</p>
      <p className={styles.text}>{t("console.reachPortTell")}</p>
      <p className={styles.text}>{t("console.reachPortMend", { port: port || "443", host: hostname })}</p>
    </div>
  );
}
