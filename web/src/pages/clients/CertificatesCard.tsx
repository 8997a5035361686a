import { Field, Input, makeStyles, Textarea, tokens } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import type { KeyCredential } from "../../api/types";
import { Confirm } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { FileField } from "../shared/FileField";
import { FormBody, FormDialog } from "../shared/FormDialog";
import { GuardedButton } from "../shared/GuardedButton";
import { addCertificate, type Client, certificatesOf, type Held, removeCertificate } from "./clients";
import { ProofTable } from "./ProofTable";
import { publicPart } from "./proofs";

interface Props {
  client: Client;
  why: string | undefined;
  refresh: () => Promise<void>;
}

const MAX_LABEL = 120;

const useStyles = makeStyles({
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
  pem: { fontFamily: tokens.fontFamilyMonospace },
});

/** The certificates of a client: only the public part is kept. */
export function CertificatesCard({ client, why, refresh }: Props): ReactNode {
  const styles = useStyles();
  const [adding, setAdding] = useState(false);
  const [leaving, setLeaving] = useState<Held<KeyCredential>>();
  const certificates = certificatesOf(client);
  return (
    <Card
      title={t("clients.certificates")}
      actions={
        <GuardedButton icon={<AddRegular />} why={why} onClick={() => setAdding(true)}>
          {t("clients.addCertificate")}
        </GuardedButton>
      }
    >
      {certificates.length === 0 ? (
        <p className={styles.text}>{t("clients.noCertificates")}</p>
      ) : (
        <ProofTable
          label={t("clients.certificates")}
          proofs={certificates}
          mark={t("clients.thumbprint")}
          markOf={({ customKeyIdentifier }) => customKeyIdentifier ?? ""}
          why={why}
          onRemove={setLeaving}
        />
      )}
      <FormDialog open={adding} onClose={() => setAdding(false)}>
        <Form client={client} onDone={() => void refresh()} onClose={() => setAdding(false)} />
      </FormDialog>
      <Confirm
        open={leaving !== undefined}
        title={t("clients.removeCertificateTitle", { name: leaving?.displayName || t("clients.unnamed") })}
        loses={[t("clients.removeProofLoss", { name: client.name })]}
        confirm={t("access.remove")}
        onConfirm={async () => {
          if (leaving) await removeCertificate(client, leaving);
          void refresh();
        }}
        onClose={() => setLeaving(undefined)}
      />
    </Card>
  );
}

function Form(props: { client: Client; onDone: () => void; onClose: () => void }): ReactNode {
  const { client, onDone, onClose } = props;
  const styles = useStyles();
  const [text, setText] = useState("");
  const [label, setLabel] = useState("");
  const [tried, setTried] = useState(false);
  const found = publicPart(text);

  async function add(): Promise<boolean> {
    setTried(true);
    if (found === undefined) return false;
    await addCertificate(client, found, label.trim());
    onDone();
    return true;
  }

  /** What is not the certificate is forgotten at once. */
  async function read(file: File): Promise<void> {
    setText(publicPart(await file.text()) ?? "");
    setTried(true);
  }

  return (
    <FormBody
      title={t("clients.addCertificate")}
      submit={t("groups.addButton")}
      onSubmit={add}
      onClose={onClose}
    >
      <FileField
        label={t("clients.file")}
        hint={t("clients.fileHint")}
        accept=".pem,.crt,.cer"
        onFile={(file) => void read(file)}
      />
      <Field
        label={t("clients.pem")}
        required
        {...(tried &&
          found === undefined && { validationMessage: t("clients.pemNeeded"), validationState: "error" })}
      >
        <Textarea
          className={styles.pem}
          value={text}
          rows={6}
          spellCheck={false}
          onChange={(_, data) => setText(data.value)}
        />
      </Field>
      <Field label={t("clients.label")} hint={t("clients.certificateLabelHint")}>
        <Input
          value={label}
          maxLength={MAX_LABEL}
          autoComplete="off"
          onChange={(_, data) => setLabel(data.value)}
        />
      </Field>
    </FormBody>
  );
}
