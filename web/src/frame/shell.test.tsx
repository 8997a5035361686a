import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { createMemoryRouter, Link, type RouteObject, RouterProvider } from "react-router";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { json, type Server, serve } from "../../tests/server";
import { answered, silent } from "../api/connectivity";
import { ApiError } from "../api/errors";
import { setSession } from "../api/session";
import { type Auth, AuthContext } from "../auth";
import { notices } from "../notices";
import { forgetRights } from "../pages/shared/useRights";
import { Themed } from "../theme/Themed";
import { type Command, useCommands } from "./commands";
import { PageError } from "./PageError";
import { Shell } from "./Shell";

const signOut = vi.fn(async () => undefined);
const auth = {
  user: { name: "Ada Admin", userName: "ada@x", objectId: "o1", tenantId: "t1" },
  config: { version: "1.2.3" },
  signOut,
  token: async () => "token",
} as unknown as Auth;
const greet = vi.fn();
const GREETING: readonly Command[] = [{ id: "greet", title: "Greet everybody", run: greet }];

function First(): ReactNode {
  useCommands(GREETING);
  return (
    <>
      <h1>First</h1>
      <Link to="/second">Go on</Link>
      <Link to="/broken">Break</Link>
    </>
  );
}

function Broken(): never {
  throw new Error("it broke");
}

const page = (path: string, element: ReactNode, label: string): RouteObject => ({
  path,
  element,
  handle: { crumb: () => ({ label }) },
});
const routes: RouteObject[] = [
  {
    element: <Shell />,
    children: [
      {
        errorElement: <PageError />,
        children: [
          page("/", <First />, "First page"),
          page("/second", <h1>Second</h1>, "Second page"),
          page("/broken", <Broken />, "Broken page"),
        ],
      },
    ],
  },
];

let server: Server;

beforeEach(() => {
  server = serve();
  forgetRights();
  // What the menu asks for: nobody here has a right.
  server.answer(json({ value: [] }));
  setSession({ token: async () => "token", signIn: () => new Promise(() => undefined) });
  render(
    <Themed>
      <AuthContext value={auth}>
        <RouterProvider router={createMemoryRouter(routes)} />
      </AuthContext>
    </Themed>,
  );
});

afterEach(() => {
  setSession(undefined);
  for (const { id } of notices.get()) notices.drop(id);
  answered();
  localStorage.clear();
});

describe("going to another page", () => {
  it("names it in title and breadcrumb, moves the focus into it and says it", async () => {
    expect(document.title).toBe("First page - Outofband");
    await userEvent.click(screen.getByRole("link", { name: "Go on" }));
    await screen.findByRole("heading", { name: "Second" });
    expect(document.title).toBe("Second page - Outofband");
    expect(document.activeElement).toBe(screen.getByRole("main"));
    const trail = within(screen.getByRole("navigation", { name: "Breadcrumb" })).getAllByRole("listitem");
    expect(trail.map((each) => each.textContent)).toEqual(["Home", "Second page"]);
    expect(screen.getAllByRole("status").map((each) => each.textContent)).toContain("Second page");
  });

  it("that breaks leaves the frame standing, with the code and a way on", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await userEvent.click(screen.getByRole("link", { name: "Break" }));
    expect(await screen.findByText("PortalFault")).toBeDefined();
    expect(screen.getByRole("button", { name: "Go to the virtual machines" })).toBeDefined();
    expect(screen.getByRole("navigation", { name: "Portal menu" })).toBeDefined();
  });

  it("can skip what is the same on every page", async () => {
    await userEvent.tab();
    expect(document.activeElement?.textContent).toBe("Skip to the content");
    await userEvent.keyboard("{Enter}");
    expect(document.activeElement).toBe(screen.getByRole("main"));
  });
});

describe("the search", () => {
  const vm = {
    id: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1",
    name: "web1",
    type: "Microsoft.Compute/virtualMachines",
    properties: {
      vmId: "1",
      instanceView: { statuses: [{ code: "PowerState/running", displayStatus: "VM running" }] },
    },
  };

  const SET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/pool";

  it("opens by keyboard, finds machines and what the page offers, and runs it", async () => {
    server.answer(
      json({ value: [{ id: "/subscriptions/s", subscriptionId: "s" }] }),
      (asked) => json({ value: asked.url.includes("virtualMachines?") ? [vm] : [] }),
      (asked) => json({ value: asked.url.includes("virtualMachines?") ? [vm] : [] }),
      json({ value: [{ id: SET, name: "pool" }] }),
      json({ value: [{ ...vm, id: `${SET}/virtualMachines/0`, name: "pool_0" }] }),
    );
    await userEvent.keyboard("{Control>}k{/Control}");
    const box = await screen.findByRole("combobox");
    // Without layout Fluent takes nothing for focusable; that the box has the focus is shown in a real browser.
    await userEvent.click(box);
    await screen.findByRole("option", { name: /web1/ });
    await userEvent.keyboard("web");
    const options = screen.getAllByRole("option").map((each) => each.textContent);
    expect(options).toEqual(["web1g · Running", "Serial console of web1g · Running"]);
    await userEvent.clear(box);
    await userEvent.keyboard("pool");
    expect(screen.getAllByRole("option")[0]?.textContent).toBe("pool_0g · Running");
    await userEvent.clear(box);
    await userEvent.keyboard("web{ArrowDown}");
    expect(screen.getAllByRole("option").map((each) => each.getAttribute("aria-selected"))).toEqual([
      "false",
      "true",
    ]);
    await userEvent.clear(box);
    await userEvent.keyboard("greet{Enter}");
    expect(greet).toHaveBeenCalledTimes(1);
    await waitFor(() => expect(screen.queryByRole("combobox")).toBeNull());
    expect(localStorage.getItem("oob.recent.o1")).toBe('["greet"]');
  });
});

describe("notifications", () => {
  it("count what runs and what ended unseen, and tell what to do about a failure", async () => {
    const id = notices.start("Stop web1");
    const bell = await screen.findByRole("button", { name: "Notifications: 0 new, 1 running" });
    const remedy = ["Cut the power: `oob vm stop web1 --force`."];
    notices.fail(
      id,
      new ApiError({ status: 409, code: "VmStopTimeout", message: "It did not stop.", remedy }),
    );
    await screen.findByRole("button", { name: "Notifications: 1 new, 0 running" });
    await userEvent.click(bell);
    const panel = await screen.findByRole("dialog", { name: "Notifications" });
    expect(within(panel).getByText("VmStopTimeout")).toBeDefined();
    expect(within(panel).getByText("oob vm stop web1 --force").tagName).toBe("CODE");
    expect(notices.get().some((each) => each.unread)).toBe(false);
  });
});

describe("a control plane that is away", () => {
  it("is told of until it answers", async () => {
    server.answer(new TypeError("Failed to fetch"), new Response("ok"));
    silent();
    expect(await screen.findByText("The control plane does not answer.")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Try now" }));
    await userEvent.click(screen.getByRole("button", { name: "Try now" }));
    await waitFor(() => expect(screen.queryByText("The control plane does not answer.")).toBeNull());
  });
});
