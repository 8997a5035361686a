import { Button, Field, Input, makeStyles, tokens } from "@fluentui/react-components";
import { AddRegular, DismissRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../text";
import { faultOf, MOST_TAGS, type TagFault, type TagRow } from "./tags";

interface Props {
  rows: readonly TagRow[];
  onChange: (rows: TagRow[]) => void;
}

const useStyles = makeStyles({
  root: {
    display: "grid",
    rowGap: tokens.spacingVerticalS,
    justifyItems: "start",
    margin: 0,
    padding: 0,
    border: 0,
    minWidth: 0,
  },
  row: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 1fr) minmax(0, 1fr) auto",
    columnGap: tokens.spacingHorizontalXS,
    alignItems: "start",
    width: "100%",
  },
  input: { minWidth: 0 },
});

/** Tags, a row each. */
export function TagFields({ rows, onChange }: Props): ReactNode {
  const styles = useStyles();
  const change = (id: number, part: Partial<TagRow>): void =>
    onChange(rows.map((row) => (row.id === id ? { ...row, ...part } : row)));
  const next = Math.max(-1, ...rows.map((row) => row.id)) + 1;
  return (
    <fieldset className={styles.root} aria-label={t("machine.tags")}>
      {rows.map((row, index) => {
        const fault = faultOf(row, rows);
        return (
          <div key={row.id} className={styles.row}>
            <Field {...(fault && { validationState: "error", validationMessage: faultWord(fault) })}>
              <Input
                className={styles.input}
                aria-label={t("machine.tagName", { number: index + 1 })}
                placeholder={t("machine.tagNameHint")}
                value={row.name}
                autoComplete="off"
                onChange={(_, data) => change(row.id, { name: data.value })}
              />
            </Field>
            <Input
              className={styles.input}
              aria-label={t("machine.tagValue", { number: index + 1 })}
              placeholder={t("machine.tagValueHint")}
              value={row.value}
              autoComplete="off"
              onChange={(_, data) => change(row.id, { value: data.value })}
            />
            <Button
              appearance="subtle"
              icon={<DismissRegular />}
              aria-label={t("machine.tagRemove", { name: row.name || index + 1 })}
              onClick={() => onChange(rows.filter((each) => each.id !== row.id))}
            />
          </div>
        );
      })}
      {rows.length < MOST_TAGS && (
        <Button
          appearance="subtle"
          size="small"
          icon={<AddRegular />}
          onClick={() => onChange([...rows, { id: next, name: "", value: "" }])}
        >
          {t("machine.tagAdd")}
        </Button>
      )}
    </fieldset>
  );
}

function faultWord(fault: TagFault): string {
  switch (fault) {
    case "nameless":
      return t("machine.tagNameless");
    case "twice":
      return t("machine.tagTwice");
    case "characters":
      return t("machine.tagCharacters");
    case "long":
      return t("machine.tagLong");
  }
}
