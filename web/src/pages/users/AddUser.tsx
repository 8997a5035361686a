import { Field, Input } from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { t } from "../../text";
import { FormBody, FormDialog } from "../shared/FormDialog";
import { addUser, type Made } from "./directory";

interface Props {
  open: boolean;
  domain: string;
  onMade: (made: Made) => void;
  onClose: () => void;
}

export function AddUser(props: Props): ReactNode {
  return (
    <FormDialog open={props.open} onClose={props.onClose}>
      <Form {...props} />
    </FormDialog>
  );
}

function Form({ domain, onMade, onClose }: Props): ReactNode {
  const [userName, setUserName] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [tried, setTried] = useState(false);
  const name = userName.trim();

  async function add(): Promise<boolean> {
    setTried(true);
    if (!name) return false;
    onMade(await addUser(name, displayName.trim()));
    return true;
  }

  return (
    <FormBody title={t("users.add")} submit={t("users.addButton")} onSubmit={add} onClose={onClose}>
      <Field
        label={t("users.userName")}
        required
        hint={domain && !name.includes("@") ? t("users.completed", { name: name || "name", domain }) : null}
        {...(tried && !name && { validationMessage: t("users.needed"), validationState: "error" })}
      >
        <Input
          value={userName}
          autoComplete="off"
          spellCheck={false}
          onChange={(_, data) => setUserName(data.value)}
        />
      </Field>
      <Field label={t("users.displayName")}>
        <Input value={displayName} autoComplete="off" onChange={(_, data) => setDisplayName(data.value)} />
      </Field>
      <div>{t("users.addText")}</div>
    </FormBody>
  );
}
