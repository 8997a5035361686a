/** The frame's own commands, always among those that the search offers. */

import { useMemo } from "react";
import { useNavigate } from "react-router";
import { useAuth } from "../auth";
import { t } from "../text";
import { useLocale } from "../text/language";
import { CHOICES, chooseTheme } from "../theme/choice";
import { type Command, useCommands } from "./commands";
import { THEME_NAMES } from "./ThemeMenu";

export function useFrameCommands(onHelp: () => void): void {
  const { signOut } = useAuth();
  const navigate = useNavigate();
  const spoken = useLocale();
  // biome-ignore lint/correctness/useExhaustiveDependencies: titles are in the language that is spoken.
  const list = useMemo<readonly Command[]>(
    () => [
      ...CHOICES.map((choice) => ({
        id: `theme:${choice}`,
        title: t("frame.useTheme", { name: THEME_NAMES[choice]() }),
        words: ["theme", "colour", "color", choice],
        run: () => chooseTheme(choice),
      })),
      {
        id: "explain",
        title: t("explain.title"),
        words: ["error", "code", "explain", "remedy"],
        run: () => void navigate("/explain"),
      },
      { id: "help", title: t("frame.help"), words: ["keyboard", "shortcuts", "version"], run: onHelp },
      {
        id: "sign-out",
        title: t("frame.signOut"),
        words: ["logout", "leave"],
        run: () => void signOut(),
      },
    ],
    [signOut, onHelp, navigate, spoken],
  );
  useCommands(list);
}
