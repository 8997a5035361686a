/** Light, dark, or as the system has it; remembered by the browser. */

import { createStore, useStore } from "../store";

export const CHOICES = ["system", "light", "dark"] as const;
export type Choice = (typeof CHOICES)[number];

const PLACE = "oob.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = createStore(system.matches);
system.addEventListener("change", (event) => systemDark.set(event.matches));

export const themeChoice = createStore<Choice>(remembered());
show();
themeChoice.subscribe(show);
systemDark.subscribe(show);

export function chooseTheme(choice: Choice): void {
  themeChoice.set(choice);
  try {
    localStorage.setItem(PLACE, choice);
  } catch {
    // Then the choice lasts as long as the page.
  }
}

/** Whether dark is to be shown now. */
export function useDark(): boolean {
  const choice = useStore(themeChoice);
  const bySystem = useStore(systemDark);
  return isDark(choice, bySystem);
}

function isDark(choice: Choice, bySystem: boolean): boolean {
  return choice === "dark" || (choice === "system" && bySystem);
}

/** Tells the page itself, for scroll bars and for what is seen before the frame is there. */
function show(): void {
  document.documentElement.dataset["theme"] = isDark(themeChoice.get(), systemDark.get()) ? "dark" : "light";
}

function remembered(): Choice {
  try {
    const found = localStorage.getItem(PLACE);
    return CHOICES.find((each) => each === found) ?? "system";
  } catch {
    return "system";
  }
}
