import { Button, type ButtonProps, Tooltip } from "@fluentui/react-components";
import { type ReactNode, useState } from "react";

type Props = ButtonProps & {
  /** Why it cannot be pressed; it can be when absent. */
  why?: string | undefined;
};

/** A button that, while it cannot be pressed, can still be reached and says why. */
export function GuardedButton({ why, ...button }: Props): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <Tooltip
      content={why ?? ""}
      relationship={why === undefined ? "inaccessible" : "description"}
      visible={open && why !== undefined}
      onVisibleChange={(_, data) => setOpen(data.visible)}
      withArrow
    >
      <Button {...(button as ButtonProps)} disabledFocusable={why !== undefined} />
    </Tooltip>
  );
}
