/** The panel above the grid: who is chosen, who is left out and why, what is said afterwards. */

import { FluentProvider, webLightTheme } from "@fluentui/react-components";
import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { setSession } from "../../api/session";
import { Stage } from "../farSide";
import { Seat } from "../seat";
import { BroadcastPanel } from "./BroadcastPanel";

const PROMPT = "demo@demo:~$ ";
let houses = 0;
let stages: Stage[] = [];
let seats: Seat[] = [];
const closed = vi.fn();
/** Milliseconds; the first drawing loads and styles everything. */
const PATIENCE = 20_000;

beforeEach(async () => {
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 403 }));
  setSession({ token: async () => "token", signIn: () => new Promise(() => {}) });
  houses += 1;
  stages = ["a", "b", "c"].map((name) => new Stage(`panel-${houses}-${name}:8444`));
  seats = stages.map(
    (stage, number) => new Seat({ id: `/vm/${number}`, name: `vm${number}` }, "write", stage),
  );
  for (const seat of seats) seat.connection.start();
  await vi.waitFor(() => {
    for (const stage of stages) expect(stage.sides.length).toBe(1);
  });
  for (const { side } of stages) {
    side.attach();
    side.tell("state", { state: "shell" });
    side.print(0, `\r\n${PROMPT}`);
  }
  stages[2]?.side.tell("state", { state: "grub" });
  closed.mockClear();
  render(
    <FluentProvider theme={webLightTheme}>
      <BroadcastPanel seats={seats} onClose={closed} />
    </FluentProvider>,
  );
});

afterEach(() => {
  cleanup();
  for (const seat of seats) seat.close();
  setSession(undefined);
  vi.unstubAllGlobals();
});

// By their place: names of roles take seconds to compute here.
function lineOf(name: string): HTMLElement {
  const found = screen.getByText(name).closest("tr");
  if (!found) throw new Error(`no row of ${name}`);
  return found;
}
const row = (name: string) => within(lineOf(name));
const box = (name: string) => row(name).getByLabelText<HTMLInputElement>(name);
const line = (): HTMLInputElement => screen.getByLabelText<HTMLInputElement>(/^Line to type/);
function enter(text: string): void {
  fireEvent.change(line(), { target: { value: text } });
  fireEvent.submit(line());
}
const typed = (): string[] => stages.map((stage) => stage.side.typed);

test(
  "a line goes by the keyboard to those that are chosen and ready, once",
  async () => {
    expect(document.activeElement).toBe(line());
    expect([box("vm0").checked, box("vm2").checked, box("vm2").disabled]).toEqual([true, false, true]);
    expect(row("vm2").getByText("The port shows: GRUB")).toBeDefined();
    expect(row("vm0").getByText(PROMPT.trim())).toBeDefined();

    enter("uptime");
    fireEvent.submit(line());
    expect(typed()).toEqual(["uptime\r", "uptime\r", ""]);
    await act(async () => {
      for (const { side } of stages.slice(0, 2)) side.print(16, `uptime\r\nup 3 min\r\n${PROMPT}`);
    });
    const said = await screen.findByText("Typed into 2 of 2 consoles chosen. 2 of 2 are done.");
    expect(said.getAttribute("role")).toBe("status");
    expect(row("vm0").getByText("up 3 min")).toBeDefined();
  },
  PATIENCE,
);

test(
  "who is not chosen gets nothing; all, none, another state and Escape",
  () => {
    fireEvent.click(box("vm0"));
    enter("id");
    expect(typed()).toEqual(["", "id\r", ""]);
    fireEvent.click(screen.getByText("Choose none"));
    enter("id");
    expect(typed()).toEqual(["", "id\r", ""]);
    fireEvent.click(screen.getByText("Choose all"));
    expect(box("vm0").checked).toBe(true);
    fireEvent.change(screen.getByLabelText(/^Only where/), { target: { value: "grub" } });
    expect(row("vm0").getByText("The port shows: Shell")).toBeDefined();
    // GRUB's own prompt is not there: a menu is shown.
    expect(row("vm2").getByText(/^No empty prompt/)).toBeDefined();
    fireEvent.keyDown(line(), { key: "Escape" });
    expect(closed).toHaveBeenCalledOnce();
  },
  PATIENCE,
);
