/** Everything that can be found: machines, their consoles, hosts, pages and commands. */

import type { VirtualMachine } from "../../api/types";
import { stateOf, stateWord } from "../../pages/machines/state";
import { machinePath, placeOf, vmPath } from "../../pages/shared/resourceId";
import { powerWord } from "../../pages/vms/Labels";
import { powerOf } from "../../pages/vms/power";
import { t } from "../../text";
import type { Command } from "../commands";
import type { Found } from "./found";
import type { Entry } from "./rank";

type Go = (path: string) => void;

export function entriesOf(found: Found, commands: readonly Command[], go: Go): Entry[] {
  return [
    ...pages(go),
    ...commands.map((each): Entry => ({ ...each, kind: "command" })),
    ...found.machines.flatMap((vm) => machine(vm, go)),
    ...found.hosts.map(
      (host): Entry => ({
        id: `host:${host.id.toLowerCase()}`,
        kind: "host",
        title: host.name,
        hint: [placeOf(host.id).group, stateWord(stateOf(host))].join(" · "),
        run: () => go(machinePath(placeOf(host.id))),
      }),
    ),
  ];
}

function pages(go: Go): Entry[] {
  const to = (path: string, title: string, ...words: string[]): Entry => ({
    id: `page:${path}`,
    kind: "page",
    title,
    words,
    run: () => go(path),
  });
  return [
    to("/vms", t("frame.virtualMachines"), "vms", "home", "guests"),
    to("/scale-sets", t("frame.scaleSets"), "vmss", "instances"),
    to("/classic", t("classic.title"), "endpoints", "cloud services"),
    to("/console", t("frame.serialConsoles"), "terminal"),
    to("/machines", t("frame.machines"), "agents", "hosts", "servers", "arc"),
    to("/machines/add", t("frame.addServer"), "connect", "onboard", "enrol", "enroll", "azcmagent", "token"),
    to("/subscription", t("frame.subscription"), "switch", "disable console"),
    to("/activity", t("frame.activityLog"), "audit", "history"),
    to("/identity/users", t("frame.users"), "identity", "people", "accounts"),
    to("/identity/groups", t("frame.groups"), "identity", "members", "teams"),
    to("/identity/clients", t("frame.clients"), "identity", "applications", "service principals", "secrets"),
    to("/identity/policy", t("frame.signInPolicy"), "identity", "mfa", "second factor"),
    to("/identity/document", t("frame.directory"), "identity", "directory", "backup"),
    to("/sessions", t("frame.ownSessions"), "sign out everywhere", "sessions"),
    to("/explain", t("frame.explain"), "error", "code", "remedy", "log"),
    to("/api", t("frame.api"), "rest", "openapi"),
  ];
}

function machine(vm: VirtualMachine, go: Go): Entry[] {
  const place = placeOf(vm.id);
  const power = vm.properties.instanceView?.statuses && powerWord(powerOf(vm));
  const host = vm.properties.instanceView?.outofband?.host;
  const hint = [place.group, host, power].filter(Boolean).join(" · ");
  const key = vm.id.toLowerCase();
  return [
    { id: `vm:${key}`, kind: "machine", title: vm.name, hint, run: () => go(vmPath(place)) },
    {
      id: `console:${key}`,
      kind: "console",
      title: t("frame.consoleOf", { name: vm.name }),
      hint,
      run: () => go(vmPath(place, "console")),
    },
  ];
}
