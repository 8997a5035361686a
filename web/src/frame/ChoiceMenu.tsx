import { Menu, MenuItemRadio, MenuList, MenuPopover, MenuTrigger } from "@fluentui/react-components";
import type { ReactElement, ReactNode } from "react";
import { BarButton } from "./BarButton";

interface Props<T extends string> {
  label: string;
  icon: ReactElement;
  choices: readonly T[];
  chosen: T;
  nameOf: (choice: T) => string;
  /** The language that a name is in, where it is not the page's. */
  langOf?: (choice: T) => string;
  onChoose: (choice: T) => void;
}

/** A button on the bar with one of a few things to choose. */
export function ChoiceMenu<T extends string>(props: Props<T>): ReactNode {
  const { label, icon, choices, chosen, nameOf, langOf, onChoose } = props;
  return (
    <Menu
      positioning="below-end"
      checkedValues={{ choice: [chosen] }}
      onCheckedValueChange={(_, { checkedItems }) => {
        const wanted = choices.find((each) => each === checkedItems[0]);
        if (wanted) onChoose(wanted);
      }}
    >
      <MenuTrigger disableButtonEnhancement>
        <BarButton aria-label={label} icon={icon} />
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          {choices.map((each) => (
            <MenuItemRadio key={each} name="choice" value={each} lang={langOf?.(each)}>
              {nameOf(each)}
            </MenuItemRadio>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
