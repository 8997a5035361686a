import { Text, useRestoreFocusTarget } from "@fluentui/react-components";
import { TagRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { ConnectedMachine } from "../../api/machines";
import { t } from "../../text";
import { toServer } from "../machines/server";
import { TagList } from "../machines/TagList";
import { Card } from "../shared/Card";
import { FormBody, FormDialog } from "../shared/FormDialog";
import { GuardedButton } from "../shared/GuardedButton";
import { TagFields } from "../shared/TagFields";
import { isFaulty, rowsOf, tagsOf } from "../shared/tags";

interface Props {
  machine: ConnectedMachine;
  /** Why they cannot be changed. */
  why: string | undefined;
  onChanged: () => Promise<void>;
}

/** The machine's tags, and changing them. */
export function TagsCard({ machine, why, onChanged }: Props): ReactNode {
  const restore = useRestoreFocusTarget();
  const [editing, setEditing] = useState(false);
  const { tags } = toServer(machine);
  return (
    <Card
      title={t("machine.tags")}
      actions={
        <GuardedButton
          {...restore}
          size="small"
          icon={<TagRegular />}
          why={why}
          onClick={() => setEditing(true)}
        >
          {t("machine.tagsEdit")}
        </GuardedButton>
      }
    >
      {tags.length > 0 ? <TagList tags={tags} /> : <Text>{t("machine.tagsNone")}</Text>}
      <FormDialog open={editing} onClose={() => setEditing(false)}>
        <Editor machine={machine} onChanged={onChanged} onClose={() => setEditing(false)} />
      </FormDialog>
    </Card>
  );
}

function Editor({ machine, onChanged, onClose }: Omit<Props, "why"> & { onClose: () => void }): ReactNode {
  const [rows, setRows] = useState(() => rowsOf(machine.tags));

  async function save(): Promise<boolean> {
    if (isFaulty(rows)) return false;
    await arm.patch(machine.id, { version: VERSIONS.hybridCompute, body: { tags: tagsOf(rows) } });
    await onChanged();
    return true;
  }

  return (
    <FormBody
      title={t("machine.tagsTitle", { name: machine.name })}
      submit={t("machine.tagsSave")}
      onSubmit={save}
      onClose={onClose}
    >
      <TagFields rows={rows} onChange={setRows} />
    </FormBody>
  );
}
