import { Field, Input } from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import type { Group } from "../../api/types";
import { t } from "../../text";
import { FormBody, FormDialog } from "../shared/FormDialog";
import { addGroup, changeGroup } from "./groups";

interface Props {
  open: boolean;
  /** The one to change; a new one when absent. */
  group?: Group;
  onDone: (id: string) => void;
  onClose: () => void;
}

/** Makes a group, or gives it another name. */
export function GroupForm(props: Props): ReactNode {
  return (
    <FormDialog open={props.open} onClose={props.onClose}>
      <Form {...props} />
    </FormDialog>
  );
}

function Form({ group, onDone, onClose }: Props): ReactNode {
  const [given, setGiven] = useState(group?.displayName ?? "");
  const [description, setDescription] = useState(group?.description ?? "");
  const [tried, setTried] = useState(false);
  const name = given.trim();

  async function save(): Promise<boolean> {
    setTried(true);
    if (!name) return false;
    const wishes = { name, description: description.trim() };
    if (group) await changeGroup(group, wishes);
    onDone(group?.id ?? (await addGroup(wishes)).id);
    return true;
  }

  return (
    <FormBody
      title={group ? t("groups.changeTitle", { name: group.displayName }) : t("groups.add")}
      submit={group ? t("groups.save") : t("groups.addButton")}
      onSubmit={save}
      onClose={onClose}
    >
      <Field
        label={t("groups.name")}
        required
        {...(tried && !name && { validationMessage: t("groups.needed"), validationState: "error" })}
      >
        <Input value={given} autoComplete="off" onChange={(_, data) => setGiven(data.value)} />
      </Field>
      <Field label={t("groups.description")}>
        <Input value={description} autoComplete="off" onChange={(_, data) => setDescription(data.value)} />
      </Field>
    </FormBody>
  );
}
