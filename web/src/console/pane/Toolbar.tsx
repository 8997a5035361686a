import {
  Button,
  Toolbar as FluentToolbar,
  Menu,
  MenuDivider,
  MenuItem,
  MenuItemCheckbox,
  MenuList,
  MenuPopover,
  MenuTrigger,
  makeStyles,
  Overflow,
  OverflowItem,
  ToolbarButton,
  ToolbarDivider,
  Tooltip,
  tokens,
  useIsOverflowItemVisible,
} from "@fluentui/react-components";
import { MoreHorizontalRegular } from "@fluentui/react-icons";
import { type ReactNode, type RefObject, useState } from "react";
import { t } from "../../text";
import type { Tool } from "./tools";

interface Props {
  /** Shown first, whatever the width. */
  first: Readonly<Record<string, ReactNode>>;
  /** Shown as far as there is room, else in the menu. */
  tools: readonly Tool[];
  /** What the menu has besides, asked for when it opens. */
  more: () => readonly Tool[];
  /** To bring the focus here from the terminal. */
  place: RefObject<HTMLDivElement | null>;
  /** After something was done from the menu. */
  onDone: () => void;
}

/** What has the highest priority is the last to go into the menu. */
const FIRST = 1;
/** The group of entries that are on or off. */
const TOOLS = "tools";

const useStyles = makeStyles({
  root: {
    flexWrap: "nowrap",
    minWidth: 0,
    padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalXS}`,
    backgroundColor: tokens.colorNeutralBackground2,
    overflow: "hidden",
  },
  item: { flexShrink: 0 },
  button: { minWidth: "auto", whiteSpace: "nowrap", fontWeight: tokens.fontWeightRegular },
  // The padding of Overflow keeps room for this and for the divider.
  more: { flexShrink: 0, marginInlineStart: "auto" },
});

/** One line, at every width: what has no room is in the menu at its end. */
export function Toolbar({ first, tools, more, place, onDone }: Props): ReactNode {
  const styles = useStyles();
  return (
    <div ref={place}>
      <Overflow padding={64} minimumVisible={Object.keys(first).length}>
        <FluentToolbar className={styles.root} aria-label={t("console.toolbar")} size="small">
          {Object.entries(first).map(([id, content]) => (
            <OverflowItem key={id} id={id} priority={FIRST}>
              <span className={styles.item}>{content}</span>
            </OverflowItem>
          ))}
          <ToolbarDivider />
          {tools.map((tool) => (
            <OverflowItem key={tool.id} id={tool.id}>
              <span className={styles.item}>
                <ToolButton tool={tool} />
              </span>
            </OverflowItem>
          ))}
          <More className={styles.more} tools={tools} more={more} onDone={onDone} />
        </FluentToolbar>
      </Overflow>
    </div>
  );
}

function ToolButton({ tool }: { tool: Tool }): ReactNode {
  const styles = useStyles();
  const said = tool.why ?? tool.hint;
  const button = (
    <ToolbarButton
      className={styles.button}
      icon={tool.icon}
      disabledFocusable={tool.why !== undefined}
      onClick={tool.run}
    >
      {tool.label}
    </ToolbarButton>
  );
  if (said === undefined) return button;
  return (
    <Tooltip content={said} relationship="description" withArrow>
      {button}
    </Tooltip>
  );
}

interface MoreProps extends Pick<Props, "tools" | "more" | "onDone"> {
  className: string;
}

function More({ tools, more, onDone, className }: MoreProps): ReactNode {
  const [open, setOpen] = useState(false);
  const others = open ? more() : [];
  const on = others.filter((tool) => tool.on).map((tool) => tool.id);
  return (
    <Menu checkedValues={{ [TOOLS]: on }} open={open} onOpenChange={(_, data) => setOpen(data.open)}>
      <MenuTrigger disableButtonEnhancement>
        <Button
          className={className}
          size="small"
          appearance="subtle"
          icon={<MoreHorizontalRegular />}
          aria-label={t("console.more")}
          title={t("console.more")}
        />
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          {tools.map((tool) => (
            <Hidden key={tool.id} tool={tool} />
          ))}
          <MenuDivider />
          {others.map((tool) => (
            <Entry key={tool.id} tool={tool} onDone={onDone} />
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

/** A tool of the bar that has no room there. */
function Hidden({ tool }: { tool: Tool }): ReactNode {
  return useIsOverflowItemVisible(tool.id) ? null : <Entry tool={tool} onDone={() => {}} />;
}

function Entry({ tool, onDone }: { tool: Tool; onDone: () => void }): ReactNode {
  const { id, label, icon, run, hint, why, on } = tool;
  const under = why ?? hint;
  const common = {
    icon,
    disabled: why !== undefined,
    ...(under !== undefined && { subText: under }),
    onClick: () => {
      run();
      onDone();
    },
  };
  if (on === undefined) return <MenuItem {...common}>{label}</MenuItem>;
  return (
    <MenuItemCheckbox {...common} name={TOOLS} value={id} persistOnClick={false}>
      {label}
    </MenuItemCheckbox>
  );
}
