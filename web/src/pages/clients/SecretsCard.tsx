import { Field, Input, makeStyles, Select, tokens } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import type { PasswordCredential } from "../../api/types";
import { useAuth } from "../../auth";
import { Confirm } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { FormBody, FormDialog } from "../shared/FormDialog";
import { GuardedButton } from "../shared/GuardedButton";
import { OnceShown } from "../shared/OnceShown";
import { addSecret, type Client, type Held, removeSecret, secretsOf } from "./clients";
import { ProofTable } from "./ProofTable";

interface Props {
  client: Client;
  why: string | undefined;
  refresh: () => Promise<void>;
}

const DAYS = [30, 90, 180, 365, 730] as const;
const MAX_LABEL = 120;

const useStyles = makeStyles({
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
});

/** The secrets of a client. Several may be good at once, so that one follows another without a break. */
export function SecretsCard({ client, why, refresh }: Props): ReactNode {
  const styles = useStyles();
  const { user } = useAuth();
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<string>();
  const [leaving, setLeaving] = useState<Held<PasswordCredential>>();
  const secrets = secretsOf(client);
  return (
    <Card
      title={t("clients.secrets")}
      actions={
        <GuardedButton icon={<AddRegular />} why={why} onClick={() => setAdding(true)}>
          {t("clients.addSecret")}
        </GuardedButton>
      }
    >
      {secrets.length === 0 ? (
        <p className={styles.text}>{t("clients.noSecrets")}</p>
      ) : (
        <ProofTable
          label={t("clients.secrets")}
          proofs={secrets}
          mark={t("clients.hint")}
          markOf={({ hint }) => (hint ? `${hint}…` : "")}
          why={why}
          onRemove={setLeaving}
        />
      )}
      <FormDialog open={adding} onClose={() => setAdding(false)}>
        <Form
          client={client}
          onMade={(secret) => {
            setMade(secret);
            void refresh();
          }}
          onClose={() => setAdding(false)}
        />
      </FormDialog>
      <OnceShown
        shown={
          made === undefined
            ? undefined
            : {
                title: t("clients.secretTitle", { name: client.name }),
                values: [
                  { label: t("clients.secret"), value: made },
                  { label: t("clients.id"), value: client.appId },
                  { label: t("clients.tenant"), value: user.tenantId },
                ],
                next: t("clients.secretNext"),
              }
        }
        onClose={() => setMade(undefined)}
      />
      <Confirm
        open={leaving !== undefined}
        title={t("clients.removeSecretTitle", { name: leaving?.displayName || t("clients.unnamed") })}
        loses={[t("clients.removeProofLoss", { name: client.name })]}
        confirm={t("access.remove")}
        onConfirm={async () => {
          if (leaving) await removeSecret(client, leaving);
          void refresh();
        }}
        onClose={() => setLeaving(undefined)}
      />
    </Card>
  );
}

interface FormProps {
  client: Client;
  onMade: (secret: string) => void;
  onClose: () => void;
}

function Form({ client, onMade, onClose }: FormProps): ReactNode {
  const [label, setLabel] = useState("");
  const [days, setDays] = useState<number>(365);

  async function add(): Promise<boolean> {
    onMade(await addSecret(client, label.trim(), days));
    return true;
  }

  return (
    <FormBody title={t("clients.addSecret")} submit={t("groups.addButton")} onSubmit={add} onClose={onClose}>
      <Field label={t("clients.label")} hint={t("clients.labelHint")}>
        <Input
          value={label}
          maxLength={MAX_LABEL}
          autoComplete="off"
          onChange={(_, data) => setLabel(data.value)}
        />
      </Field>
      <Field label={t("clients.goodFor")}>
        <Select value={String(days)} onChange={(_, data) => setDays(Number(data.value))}>
          {DAYS.map((each) => (
            <option key={each} value={each}>
              {t("clients.days", { count: each })}
            </option>
          ))}
        </Select>
      </Field>
    </FormBody>
  );
}
