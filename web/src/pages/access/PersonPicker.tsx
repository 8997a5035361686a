import { Combobox, Option, OptionGroup } from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { t } from "../../text";
import { matches, type Person } from "./directory";
import { KINDS, ORDER } from "./kinds";

/** Names offered at once; the rest is reached by typing. */
const OFFERED = 50;

interface Props {
  people: readonly Person[];
  onPick: (person: Person | undefined) => void;
}

/** Somebody of the directory, found by typing. `Field` passes its label on to the element inside, whatever that is. */
export function PersonPicker({ people, onPick, ...field }: Props): ReactNode {
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const found = people.filter((person) => matches(person, typed)).slice(0, OFFERED);
  return (
    <Combobox
      {...field}
      placeholder={t("access.addWhoHint")}
      open={open}
      onOpenChange={(_, data) => setOpen(data.open)}
      value={typed}
      onChange={(event) => {
        setTyped(event.target.value);
        setOpen(true);
        onPick(undefined);
      }}
      onOptionSelect={(_, data) => {
        const person = people.find((each) => each.id === data.optionValue);
        setTyped(person?.name ?? "");
        onPick(person);
      }}
    >
      {ORDER.map((kind) => {
        const those = found.filter((person) => person.kind === kind);
        return (
          those.length > 0 && (
            <OptionGroup key={kind} label={t(KINDS[kind].many)}>
              {those.map((person) => (
                <Option key={person.id} value={person.id} text={person.name}>
                  {optionWords(person)}
                </Option>
              ))}
            </OptionGroup>
          )
        );
      })}
      {found.length === 0 && (
        <Option key="nobody" disabled text="">
          {t("access.addNobody")}
        </Option>
      )}
    </Combobox>
  );
}

function optionWords(person: Person): string {
  return person.kind === "User" && person.account !== person.name
    ? `${person.name} (${person.account})`
    : person.name;
}
