/** Every address of the portal: its page, loaded when it is first wanted, and its crumbs. */

import { Spinner } from "@fluentui/react-components";
import type { ComponentType, ReactNode } from "react";
import { createBrowserRouter, Navigate, type Params, type RouteObject } from "react-router";
import { LaterPage, Part } from "./components";
import { NotFound } from "./frame/NotFound";
import { PageError } from "./frame/PageError";
import { Shell } from "./frame/Shell";
import { machinePath, placeIn, setPath, vmPath } from "./pages/shared/resourceId";
import { type PlainKey, t } from "./text";

export interface Crumb {
  label: string;
  /** Absent for the page itself. */
  to?: string;
}

/** What a route says of itself. A page of several parts names the whole in a parent route, itself in its own. */
export interface Handle {
  crumb(params: Params<string>): Crumb;
  /** The page uses the whole width and height and scrolls by itself. */
  full?: boolean;
}

/** Named when it is shown, in the language of that moment. */
const crumb = (key: PlainKey, to?: string): Handle => ({
  crumb: () => (to === undefined ? { label: t(key) } : { label: t(key), to }),
});

function FirstPage(): ReactNode {
  return <Spinner aria-label={t("common.loading")} />;
}

/** The router remembers what this gives, a failure too: a page that does not come at once looks after itself. */
function page(load: () => Promise<{ default: ComponentType }>): NonNullable<RouteObject["lazy"]> {
  return async () => {
    try {
      return { Component: (await load()).default };
    } catch {
      return { element: <LaterPage part={new Part<object>(load)} /> };
    }
  };
}

/** A machine, or an instance of a scale set, as its address names it. */
const machine: Handle = {
  crumb: (params) => {
    const place = placeIn(params);
    return { label: place.name, to: vmPath(place) };
  },
};

/** The pages of one machine, wherever it is found. */
const machinePages: RouteObject[] = [
  {
    index: true,
    lazy: page(() => import("./pages/vm/OverviewPage")),
    handle: crumb("frame.overview"),
  },
  {
    path: "activity",
    lazy: page(() => import("./pages/vm/ActivityPage")),
    handle: crumb("frame.activityLog"),
  },
  {
    path: "access",
    lazy: page(() => import("./pages/vm/AccessPage")),
    handle: crumb("frame.access"),
  },
  {
    path: "console",
    lazy: page(() => import("./pages/vm/ConsolePage")),
    handle: { ...crumb("frame.serialConsole"), full: true } satisfies Handle,
  },
  {
    path: "diagnostics",
    lazy: page(() => import("./pages/vm/DiagnosticsPage")),
    handle: crumb("frame.bootDiagnostics"),
  },
  {
    path: "reset",
    lazy: page(() => import("./pages/vm/ResetPage")),
    handle: crumb("vm.reset"),
  },
  {
    path: "restart",
    lazy: page(() => import("./pages/vm/RestartPage")),
    handle: crumb("vm.restart"),
  },
  {
    path: "connect",
    lazy: page(() => import("./pages/vm/support/ConnectPage")),
    handle: crumb("support.connect"),
  },
  {
    path: "troubleshoot",
    lazy: page(() => import("./pages/vm/support/TroubleshootPage")),
    handle: crumb("support.troubleshoot"),
  },
  {
    path: "health",
    lazy: page(() => import("./pages/vm/support/HealthPage")),
    handle: crumb("support.health"),
  },
  {
    path: "password",
    lazy: page(() => import("./pages/vm/support/PasswordPage")),
    handle: crumb("support.password"),
  },
  {
    path: "rules",
    lazy: page(() => import("./pages/vm/support/RulesPage")),
    handle: crumb("support.rules"),
  },
  {
    path: "nic",
    lazy: page(() => import("./pages/vm/support/NicPage")),
    handle: crumb("nic.title"),
  },
  {
    path: "redeploy",
    lazy: page(() => import("./pages/vm/support/RedeployPage")),
    handle: crumb("support.redeploy"),
  },
];

const connected: Handle = {
  crumb: (params) => {
    const place = placeIn(params);
    return { label: place.name, to: machinePath(place) };
  },
};

/** The pages of one connected machine. */
const connectedPages: RouteObject[] = [
  {
    index: true,
    lazy: page(() => import("./pages/machine/OverviewPage")),
    handle: crumb("frame.overview"),
  },
  {
    path: "activity",
    lazy: page(() => import("./pages/machine/ActivityPage")),
    handle: crumb("frame.activityLog"),
  },
  {
    path: "access",
    lazy: page(() => import("./pages/machine/AccessPage")),
    handle: crumb("frame.access"),
  },
  {
    path: "console",
    lazy: page(() => import("./pages/machine/ConsolePage")),
    handle: { ...crumb("frame.serialConsole"), full: true } satisfies Handle,
  },
];

export const routes: RouteObject[] = [
  {
    element: <Shell />,
    errorElement: <PageError whole />,
    // Until the first page's files are there; it is only a moment.
    hydrateFallbackElement: <FirstPage />,
    children: [
      {
        errorElement: <PageError />,
        children: [
          { index: true, element: <Navigate to="/vms" replace /> },
          {
            path: "vms",
            handle: crumb("frame.virtualMachines", "/vms"),
            children: [
              { index: true, lazy: page(() => import("./pages/vms/VmsPage")) },
              {
                path: ":sub/:group/:name",
                lazy: page(() => import("./pages/vm/VmPage")),
                handle: machine,
                children: machinePages,
              },
            ],
          },
          {
            path: "scale-sets",
            handle: crumb("frame.scaleSets", "/scale-sets"),
            children: [
              { index: true, lazy: page(() => import("./pages/scaleSets/SetsPage")) },
              {
                path: ":sub/:group/:name",
                handle: {
                  crumb: (params) => ({
                    label: params["name"] ?? "",
                    to: setPath(placeIn({ ...params, number: undefined })),
                  }),
                } satisfies Handle,
                children: [
                  { index: true, lazy: page(() => import("./pages/scaleSets/SetPage")) },
                  {
                    path: ":number",
                    lazy: page(() => import("./pages/vm/VmPage")),
                    handle: machine,
                    children: machinePages,
                  },
                ],
              },
            ],
          },
          {
            path: "classic",
            handle: crumb("classic.title", "/classic"),
            children: [
              { index: true, lazy: page(() => import("./pages/classic/ClassicsPage")) },
              {
                path: ":sub/:group/:name",
                lazy: page(() => import("./pages/classic/ClassicPage")),
                handle: { crumb: (params) => ({ label: params["name"] ?? "" }) } satisfies Handle,
              },
            ],
          },
          {
            path: "console",
            lazy: page(() => import("./pages/console/ConsolesPage")),
            handle: { ...crumb("frame.serialConsoles", "/console"), full: true } satisfies Handle,
          },
          {
            path: "machines",
            handle: crumb("frame.machines", "/machines"),
            children: [
              { index: true, lazy: page(() => import("./pages/machines/MachinesPage")) },
              {
                path: "add",
                lazy: page(() => import("./pages/onboard/AddPage")),
                handle: crumb("frame.addServer"),
              },
              {
                path: ":sub/:group/:name",
                lazy: page(() => import("./pages/machine/MachinePage")),
                handle: connected,
                children: connectedPages,
              },
            ],
          },
          // Where the machines were when only VM hosts had agents.
          { path: "hosts", element: <Navigate to="/machines" replace /> },
          {
            path: "subscription",
            lazy: page(() => import("./pages/subscription/SubscriptionPage")),
            handle: crumb("subscription.title", "/subscription"),
          },
          {
            path: "activity",
            lazy: page(() => import("./pages/activity/ActivityPage")),
            handle: crumb("frame.activityLog", "/activity"),
          },
          {
            path: "identity",
            lazy: page(() => import("./pages/identity/IdentityPage")),
            handle: crumb("frame.identity", "/identity"),
            children: [
              { index: true, element: <Navigate to="/identity/users" replace /> },
              {
                path: "users",
                handle: crumb("frame.users", "/identity/users"),
                children: [
                  { index: true, lazy: page(() => import("./pages/users/UsersPage")) },
                  {
                    path: ":name",
                    lazy: page(() => import("./pages/users/UserPage")),
                    handle: { crumb: (params) => ({ label: params["name"] ?? "" }) } satisfies Handle,
                  },
                ],
              },
              {
                path: "groups",
                handle: crumb("frame.groups", "/identity/groups"),
                children: [
                  { index: true, lazy: page(() => import("./pages/groups/GroupsPage")) },
                  {
                    path: ":id",
                    lazy: page(() => import("./pages/groups/GroupPage")),
                    handle: crumb("access.principalGroup"),
                  },
                ],
              },
              {
                path: "clients",
                handle: crumb("frame.clients", "/identity/clients"),
                children: [
                  { index: true, lazy: page(() => import("./pages/clients/ClientsPage")) },
                  {
                    path: ":appId",
                    lazy: page(() => import("./pages/clients/ClientPage")),
                    handle: crumb("clients.client"),
                  },
                ],
              },
              {
                path: "policy",
                lazy: page(() => import("./pages/policy/PolicyPage")),
                handle: crumb("frame.signInPolicy", "/identity/policy"),
              },
              {
                path: "document",
                lazy: page(() => import("./pages/directory/DocumentPage")),
                handle: crumb("frame.directory", "/identity/document"),
              },
            ],
          },
          // Where the people were before the rest of the directory came.
          { path: "users", element: <Navigate to="/identity/users" replace /> },
          {
            path: "sessions",
            lazy: page(() => import("./pages/sessions/OwnSessionsPage")),
            handle: crumb("frame.ownSessions", "/sessions"),
          },
          {
            path: "explain",
            lazy: page(() => import("./pages/explain/ExplainPage")),
            handle: crumb("frame.explain", "/explain"),
          },
          {
            path: "api",
            lazy: page(() => import("./pages/api/ApiPage")),
            handle: crumb("frame.api", "/api"),
          },
          { path: "*", element: <NotFound />, handle: crumb("frame.notFoundTitle") },
        ],
      },
    ],
  },
];

export function createRouter(): ReturnType<typeof createBrowserRouter> {
  return createBrowserRouter(routes, { basename: import.meta.env.BASE_URL });
}
