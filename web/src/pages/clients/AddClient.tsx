import { Field, Input } from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { t } from "../../text";
import { FormBody, FormDialog } from "../shared/FormDialog";
import { addClient } from "./clients";

interface Props {
  open: boolean;
  onMade: (appId: string) => void;
  onClose: () => void;
}

export function AddClient(props: Props): ReactNode {
  return (
    <FormDialog open={props.open} onClose={props.onClose}>
      <Form {...props} />
    </FormDialog>
  );
}

function Form({ onMade, onClose }: Props): ReactNode {
  const [given, setGiven] = useState("");
  const [tried, setTried] = useState(false);
  const name = given.trim();

  async function add(): Promise<boolean> {
    setTried(true);
    if (!name) return false;
    onMade(await addClient(name));
    return true;
  }

  return (
    <FormBody title={t("clients.add")} submit={t("groups.addButton")} onSubmit={add} onClose={onClose}>
      <Field
        label={t("groups.name")}
        required
        {...(tried && !name && { validationMessage: t("groups.needed"), validationState: "error" })}
      >
        <Input value={given} autoComplete="off" onChange={(_, data) => setGiven(data.value)} />
      </Field>
      <div>{t("clients.addText")}</div>
    </FormBody>
  );
}
