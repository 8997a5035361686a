/** What a person is told when there is no console, with what to press. */

import { FluentProvider, webLightTheme } from "@fluentui/react-components";
import { act, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { setSession } from "../../api/session";
import { Stage } from "../farSide";
import { faultOf } from "../faults";
import { Seat } from "../seat";
import { Banner } from "./Banner";

const VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1";
let seat: Seat;
let stage: Stage;
let hosts = 0;

beforeEach(() => {
  // What the person may do is not known here, and then nothing is held back.
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 403 }));
  setSession({ token: async () => "token", signIn: () => new Promise(() => {}) });
  hosts += 1;
  stage = new Stage(`banner-${hosts}:8444`);
  seat = new Seat({ id: VM, name: "web1" }, "write", stage);
});

afterEach(() => {
  seat.close();
  setSession(undefined);
  vi.unstubAllGlobals();
});

async function show(): Promise<void> {
  await act(async () => {
    seat.connection.start();
  });
  render(
    <FluentProvider theme={webLightTheme}>
      <Banner seat={seat} />
    </FluentProvider>,
  );
}

function buttons(): (string | null)[] {
  return screen.queryAllByRole("button").map((button) => button.textContent);
}

test("nothing, while all is well", async () => {
  await show();
  await act(async () => stage.side.attach());
  expect(buttons()).toEqual([]);
});

test("who took the keyboard, that the login is open, and how to take it back", async () => {
  await show();
  await act(async () => {
    stage.side.attach();
    stage.side.close("TakenOver", { fields: { by: "bert", at: "2026-11-25T03:00:00Z" } });
  });
  expect(screen.getByText(/bert took the keyboard at/)).toBeDefined();
  expect(screen.getByText(/Your login in the guest was not ended/)).toBeDefined();
  expect(buttons()).toEqual(["Take the keyboard back", "Watch"]);
  await userEvent.click(screen.getByRole("button", { name: "Watch" }));
  await act(async () => stage.side.open());
  expect(stage.side.first).toMatchObject({ mode: "observe" });
});

test("a stopped machine has its Start button, before and after it was attached", async () => {
  stage.refusals = [faultOf("VmNotRunning", { vm: "web1", power: "stopped" })];
  await show();
  expect(screen.getByText("VmNotRunning")).toBeDefined();
  expect(screen.getByText(/connects by itself/)).toBeDefined();
  expect(buttons()).toContain("Start web1");
  stage.refusals = [];
  await act(async () => seat.connection.retry());
  await act(async () => {
    stage.side.attach();
    stage.side.tell("power", { power: "stopped" });
  });
  expect(buttons()).toEqual(["Start web1"]);
  await act(async () => stage.side.tell("power", { power: "running" }));
  expect(buttons()).toEqual([]);
});

test("consoles that were switched off can be switched on here", async () => {
  stage.refusals = [faultOf("ConsoleDisabledForSubscription", { subscription: "s" })];
  await show();
  expect(buttons().slice(0, 2)).toEqual(["Enable the console", "Try again"]);
});

test.each([
  ["refused", "One more step", ["The certificate is not trusted yet", "Port 8444 is blocked"]],
  [
    "silent",
    "The console listener does not answer",
    ["Port 8444 is blocked", "The certificate is not trusted yet"],
  ],
] as const)("a listener that is %s: what it may be, the likely one first", async (reach, title, causes) => {
  stage.reach = reach;
  await show();
  await act(async () => stage.side.drop());
  const alert = screen.getByRole("alert");
  expect(within(alert).getByRole("heading", { level: 2 }).textContent).toContain(title);
  expect(
    within(alert)
      .getAllByRole("heading", { level: 3 })
      .map((each) => each.textContent),
  ).toEqual(causes);
  const link = within(alert).getByRole("link", { name: "Open the console's address" });
  expect(link.getAttribute("href")).toBe(`https://banner-${hosts}:8444/trust`);
});

test("whoever leaves is told that the guest's login stays", async () => {
  await show();
  await act(async () => stage.side.attach());
  await act(async () => seat.connection.leave());
  expect(screen.getByText(/A login you opened in the guest stays open/)).toBeDefined();
  expect(buttons()).toEqual(["Reconnect", "Watch"]);
});

test("Enter that nobody answers is explained in place, with its commands, until it is closed", async () => {
  await show();
  await act(async () => {
    stage.side.attach();
    stage.side.tell("state", { state: "login" });
  });
  for (const at of [0, 2, 4]) {
    stage.seconds = at;
    await act(async () => seat.send("\r"));
  }
  expect(screen.getByText("Enter has no effect here")).toBeDefined();
  expect(screen.getByText("systemctl enable --now serial-getty@ttyS0.service")).toBeDefined();
  expect(screen.getByText("bcdedit /ems {current} on")).toBeDefined();
  await userEvent.click(screen.getByRole("button", { name: "Close" }));
  expect(buttons()).toEqual([]);
  for (const at of [5, 7, 9]) {
    stage.seconds = at;
    await act(async () => seat.send("\r"));
  }
  expect(buttons()).toEqual([]);
});

test("who only watches is not told that Enter has no effect", async () => {
  await show();
  await act(async () => {
    stage.side.attach({ mode: "observe" });
    stage.side.tell("state", { state: "login" });
  });
  for (const at of [0, 2, 4]) {
    stage.seconds = at;
    await act(async () => seat.send("\r"));
  }
  expect(buttons()).toEqual([]);
});

test("repeated characters for PowerShell, and keys that SAC lacks, are explained where they are typed", async () => {
  await show();
  await act(async () => {
    stage.side.attach();
    stage.side.tell("state", { state: "sac" });
    stage.side.print(0, "\r\nPS C:\\Windows\\system32> ");
  });
  await act(async () => seat.send("Write-Host 1000"));
  expect(screen.getByText("Remove-Module PSReadLine")).toBeDefined();
  await act(async () => stage.side.print(27, "\r\nSAC>"));
  await act(async () => seat.press({ id: "up", sends: () => "\x1b[A" } as never));
  expect(screen.getByText("bcdedit /set {current} onetimeadvancedoptions on")).toBeDefined();
});
