import { Button, Input, makeStyles, ToggleButton, tokens } from "@fluentui/react-components";
import {
  ChevronDownRegular,
  ChevronUpRegular,
  DismissRegular,
  TextCaseTitleRegular,
} from "@fluentui/react-icons";
import { type KeyboardEvent, type ReactNode, useEffect, useState } from "react";
import { t } from "../../text";
import type { Found, Screen } from "../terminal/screen";

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: tokens.spacingHorizontalXS,
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
    backgroundColor: tokens.colorNeutralBackground3,
  },
  input: { flex: "0 1 18rem", minWidth: "8rem" },
  count: { minWidth: "6rem", color: tokens.colorNeutralForeground2 },
});

/** Find in what the terminal holds. Enter goes on, Shift+Enter back, Escape returns to the terminal. */
export function FindBar({ screen, onClose }: { screen: Screen; onClose: () => void }): ReactNode {
  const styles = useStyles();
  const [wanted, setWanted] = useState(() => oneLine(screen.selection));
  const [caseSensitive, setCaseSensitive] = useState(false);
  const [found, setFound] = useState<Found | null>(null);

  useEffect(() => screen.onFound(setFound), [screen]);
  useEffect(() => () => screen.forgetFound(), [screen]);
  useEffect(() => {
    if (wanted === "") {
      screen.forgetFound();
      setFound(null);
    } else {
      screen.find(wanted, { caseSensitive, growing: true });
    }
  }, [screen, wanted, caseSensitive]);

  function go(backwards: boolean): void {
    if (wanted !== "") screen.find(wanted, { backwards, caseSensitive });
  }

  function press(event: KeyboardEvent): void {
    if (event.key === "Escape") onClose();
    else if (event.key === "Enter") go(event.shiftKey);
    else return;
    event.preventDefault();
  }

  return (
    <search className={styles.root}>
      <Input
        className={styles.input}
        autoFocus
        size="small"
        aria-label={t("console.findLabel")}
        placeholder={t("console.findLabel")}
        value={wanted}
        onChange={(_, data) => setWanted(data.value)}
        onKeyDown={press}
      />
      <ToggleButton
        size="small"
        appearance="subtle"
        icon={<TextCaseTitleRegular />}
        aria-label={t("console.findCase")}
        title={t("console.findCase")}
        checked={caseSensitive}
        onClick={() => setCaseSensitive(!caseSensitive)}
      />
      <Button
        size="small"
        appearance="subtle"
        icon={<ChevronUpRegular />}
        aria-label={t("console.findPrevious")}
        title={t("console.findPrevious")}
        onClick={() => go(true)}
      />
      <Button
        size="small"
        appearance="subtle"
        icon={<ChevronDownRegular />}
        aria-label={t("console.findNext")}
        title={t("console.findNext")}
        onClick={() => go(false)}
      />
      <span className={styles.count} role="status">
        {found && countOf(found)}
      </span>
      <Button
        size="small"
        appearance="subtle"
        icon={<DismissRegular />}
        aria-label={t("console.findClose")}
        title={t("console.findClose")}
        onClick={onClose}
      />
    </search>
  );
}

function countOf({ index, count }: Found): string {
  if (count === 0) return t("console.findNone");
  return index < 0 ? t("console.findMany", { count }) : t("console.findCount", { index: index + 1, count });
}

/** What is selected is what one looks for, unless it is a block of text. */
function oneLine(text: string): string {
  return text.includes("\n") ? "" : text;
}
