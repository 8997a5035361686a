import { FluentProvider, webLightTheme } from "@fluentui/react-components";
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { describe, expect, it, vi } from "vitest";
import { ApiError } from "../api/errors";
import { Confirm, ErrorView, When } from ".";
import { detailsOf } from "./ErrorView";

function show(what: ReactNode): void {
  render(<FluentProvider theme={webLightTheme}>{what}</FluentProvider>);
}

const failure = new ApiError({
  status: 409,
  code: "VmNotRunning",
  title: "The VM does not run",
  message: "The VM 'web1' is stopped.",
  cause: "It was stopped.",
  remedy: ["Start it.", "Then connect again."],
  action: "start-vm",
  requestId: "request-1",
});

describe("ErrorView", () => {
  it("says what, why, what to do, and the code", () => {
    show(<ErrorView error={failure} />);
    const alert = screen.getByRole("alert");
    expect(within(alert).getByText("The VM 'web1' is stopped.")).toBeDefined();
    expect(within(alert).getByText(/It was stopped/)).toBeDefined();
    expect(
      within(alert)
        .getAllByRole("listitem")
        .map((each) => each.textContent),
    ).toEqual(["Start it.", "Then connect again."]);
    expect(within(alert).getByText("VmNotRunning")).toBeDefined();
    expect(within(alert).getByText("request-1")).toBeDefined();
  });

  it("offers the action that the error names, if the page has it, and another try", async () => {
    const start = vi.fn();
    const retry = vi.fn();
    const actions = { "start-vm": { label: "Start", run: start } };
    show(<ErrorView error={failure} onRetry={retry} actions={actions} />);
    await userEvent.click(screen.getByRole("button", { name: "Start" }));
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(start).toHaveBeenCalledTimes(1);
    expect(retry).toHaveBeenCalledTimes(1);
  });

  it("copies everything a report needs", async () => {
    const user = userEvent.setup();
    show(<ErrorView error={failure} />);
    await user.click(screen.getByRole("button", { name: "Copy details" }));
    await waitFor(() => expect(screen.getByRole("button", { name: "Copied" })).toBeDefined());
    const copied = await navigator.clipboard.readText();
    for (const part of ["VmNotRunning (409)", "request-1", "- Start it.", "It was stopped."]) {
      expect(copied).toContain(part);
    }
  });

  it("explains even what the portal itself did wrong", () => {
    show(<ErrorView error={new TypeError("x is undefined")} />);
    expect(screen.getByText("PortalFault")).toBeDefined();
    const error = new ApiError({ status: 0, code: "PortalFault", message: "m", fields: { detail: "x" } });
    expect(detailsOf(error)).toContain('{"detail":"x"}');
  });
});

describe("Confirm", () => {
  it("does nothing on Cancel", async () => {
    const onConfirm = vi.fn();
    const onClose = vi.fn();
    show(<Confirm open title="Stop web1?" confirm="Stop" onConfirm={onConfirm} onClose={onClose} />);
    await userEvent.click(await screen.findByRole("button", { name: "Cancel" }));
    expect(onClose).toHaveBeenCalled();
    expect(onConfirm).not.toHaveBeenCalled();
  });

  it("says what is lost, and closes when it is done", async () => {
    const onClose = vi.fn();
    const loses = ["What is not saved is lost."];
    show(
      <Confirm open title="Stop web1?" loses={loses} confirm="Stop" onConfirm={vi.fn()} onClose={onClose} />,
    );
    expect((await screen.findByRole("listitem")).textContent).toBe("What is not saved is lost.");
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    await waitFor(() => expect(onClose).toHaveBeenCalled());
  });

  it("waits for a name to be typed where it says so", async () => {
    const onConfirm = vi.fn();
    show(
      <Confirm
        open
        title="Delete web1?"
        typed="web1"
        confirm="Delete"
        onConfirm={onConfirm}
        onClose={vi.fn()}
      />,
    );
    await userEvent.click(await screen.findByRole("button", { name: "Delete" }));
    expect(onConfirm).not.toHaveBeenCalled();
    await userEvent.type(screen.getByRole("textbox"), "web1{Enter}");
    expect(onConfirm).toHaveBeenCalledTimes(1);
  });

  it("stays open with the error when it fails", async () => {
    const onClose = vi.fn();
    const onConfirm = (): Promise<never> => Promise.reject(failure);
    show(<Confirm open title="Stop web1?" confirm="Stop" onConfirm={onConfirm} onClose={onClose} />);
    await userEvent.click(await screen.findByRole("button", { name: "Stop" }));
    expect(await screen.findByText("VmNotRunning")).toBeDefined();
    expect(onClose).not.toHaveBeenCalled();
  });
});

describe("When", () => {
  it("has the moment in UTC at hand", () => {
    show(<When at="2026-01-02T03:04:05Z" />);
    expect(document.querySelector("time")?.title).toBe("2026-01-02 03:04:05 UTC");
    expect(document.querySelector("time")?.dateTime).toBe("2026-01-02T03:04:05.000Z");
  });
});
