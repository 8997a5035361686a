import {
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  makeStyles,
  type PositioningVirtualElement,
} from "@fluentui/react-components";
import type { KeyboardEvent, ReactNode } from "react";
import { t } from "../../text";

export interface Choice {
  /** The letter that chooses it, as in `oob console`. */
  readonly letter: string;
  readonly label: string;
  readonly run: () => void;
  /** Why it cannot be chosen. */
  readonly why?: string | undefined;
}

interface Props {
  choices: readonly Choice[];
  /** Where it opens: at the terminal. */
  at: PositioningVirtualElement;
  onClose: () => void;
}

const useStyles = makeStyles({ popover: { minWidth: "18rem" } });

/** The menu behind Ctrl+]: by its letters, as in `oob console`, or by arrow keys. Escape goes back to the terminal. */
export function KeyMenu({ choices, at, onClose }: Props): ReactNode {
  const styles = useStyles();

  function choose(choice: Choice): void {
    onClose();
    choice.run();
  }

  function press(event: KeyboardEvent): void {
    if (event.altKey || event.metaKey) return;
    const letter = event.ctrlKey ? `Ctrl+${event.key}` : event.key.toLowerCase();
    const choice = choices.find((each) => each.letter === letter);
    if (!choice || choice.why !== undefined) return;
    // Before the list takes a letter for the beginning of an entry's name, and Tab for leaving it.
    event.preventDefault();
    event.stopPropagation();
    choose(choice);
  }

  return (
    <Menu
      open
      positioning={{ target: at, position: "above", align: "start" }}
      onOpenChange={(_, data) => !data.open && onClose()}
    >
      <MenuPopover className={styles.popover} onKeyDownCapture={press}>
        <MenuList aria-label={t("console.menu")}>
          {choices.map((choice) => (
            <MenuItem
              key={choice.letter}
              secondaryContent={
                choice.letter.length === 1 ? choice.letter.toUpperCase() : capital(choice.letter)
              }
              disabled={choice.why !== undefined}
              {...(choice.why !== undefined && { subText: choice.why })}
              onClick={() => choose(choice)}
            >
              {choice.label}
            </MenuItem>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
