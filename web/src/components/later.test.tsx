import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { LaterOver, LaterPage, type OverProps, Part } from "./Later";

// How long it waits between tries is of no interest here.
vi.mock("../pause", () => ({ pause: () => Promise.resolve() }));

const absent = (): TypeError => new TypeError("Failed to fetch dynamically imported module: x");

/** The fetch of a part, to be settled when a test wants it. */
function pending<T>(): { load: () => Promise<T>; come: (module: T) => void } {
  let come: (module: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    come = resolve;
  });
  return { load: () => promise, come };
}

function Box({ onClose }: OverProps): ReactNode {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <div role="dialog" aria-modal="true">
      <button ref={button} type="button" onClick={onClose}>
        Close
      </button>
    </div>
  );
}

function Place({ part }: { part: Part<OverProps> }): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <>
      <main id="main" tabIndex={-1} />
      <button type="button" onClick={() => setOpen(true)}>
        Open
      </button>
      {open && <LaterOver part={part} onClose={() => setOpen(false)} />}
    </>
  );
}

const opener = (): HTMLElement => screen.getByRole("button", { name: "Open" });

describe("what lies over the page", () => {
  it("gives the focus back to what opened it", async () => {
    render(<Place part={new Part(async () => ({ default: Box }))} />);
    for (let time = 0; time < 2; time++) {
      await userEvent.click(opener());
      const close = await screen.findByRole("button", { name: "Close" });
      expect(document.activeElement).toBe(close);
      await userEvent.click(close);
      expect(document.activeElement).toBe(opener());
    }
  });

  it("closes on Escape while its file is on the way, and does not open when that comes", async () => {
    const { load, come } = pending<{ default: typeof Box }>();
    render(<Place part={new Part(load)} />);
    await userEvent.click(opener());
    await screen.findByRole("progressbar");
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByRole("progressbar")).toBeNull();
    come({ default: Box });
    await Promise.resolve();
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it("closes on Escape when the focus has gone elsewhere", async () => {
    render(<Place part={new Part(async () => ({ default: Box }))} />);
    await userEvent.click(opener());
    await screen.findByRole("dialog");
    opener().focus();
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it("leaves the focus to what was opened in its place", async () => {
    render(
      <>
        <Place part={new Part(async () => ({ default: Box }))} />
        <button type="button">Next</button>
      </>,
    );
    await userEvent.click(opener());
    await screen.findByRole("dialog");
    const next = screen.getByRole("button", { name: "Next" });
    next.focus();
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(document.activeElement).toBe(next);
  });

  it("says why it does not come, and tries again", async () => {
    const load = vi.fn(async () => ({ default: Box }));
    for (let tries = 0; tries < 4; tries++) load.mockRejectedValueOnce(absent());
    render(<Place part={new Part(load)} />);
    await userEvent.click(opener());
    expect(await screen.findByText("PortalPartMissing")).toBeDefined();
    expect(screen.getByRole("button", { name: "Reload the page" })).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    await screen.findByRole("button", { name: "Close" });
    expect(screen.queryByText("PortalPartMissing")).toBeNull();
  });
});

describe("a page", () => {
  it("comes by itself when the browser is back on a network", async () => {
    const load = vi.fn(async () => ({ default: () => <h1>Hosts</h1> }));
    for (let tries = 0; tries < 4; tries++) load.mockRejectedValueOnce(absent());
    render(<LaterPage part={new Part<object>(load)} />);
    await screen.findByText("PortalPartMissing");
    window.dispatchEvent(new Event("online"));
    await waitFor(() => expect(screen.getByRole("heading", { name: "Hosts" })).toBeDefined());
  });
});
