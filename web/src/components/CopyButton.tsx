import { Button, type ButtonProps } from "@fluentui/react-components";
import { CheckmarkRegular, CopyRegular } from "@fluentui/react-icons";
import { type ReactNode, useEffect, useState } from "react";
import { t } from "../text";

interface Props {
  text: string;
  /** Said aloud and shown; an icon alone when `iconOnly`. */
  label?: string;
  iconOnly?: boolean;
  size?: ButtonProps["size"];
}

const SHOWN_MS = 2000;

export function CopyButton({
  text,
  label = t("common.copy"),
  iconOnly = false,
  size = "medium",
}: Props): ReactNode {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const said = copied ? t("common.copied") : label;
  return (
    <Button
      appearance={iconOnly ? "subtle" : "secondary"}
      size={size}
      icon={copied ? <CheckmarkRegular /> : <CopyRegular />}
      aria-label={said}
      title={iconOnly ? said : undefined}
      onClick={() => void copyText(text).then(setCopied)}
    >
      {iconOnly ? undefined : said}
    </Button>
  );
}

/** True when the text is on the clipboard. Where the clipboard's own interface is forbidden the old command still works. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.readOnly = true;
    area.className = "offscreen";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
