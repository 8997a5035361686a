/** Programs that sign in by themselves: an application, and the service principal that lets it. */

import { arm } from "../../api/client";
import type { Application, KeyCredential, PasswordCredential, ServicePrincipal } from "../../api/types";
import { notices } from "../../notices";
import { t } from "../../text";

const APPLICATIONS = "/v1.0/applications";
const PROGRAMS = "/v1.0/servicePrincipals";
const DAY_MS = 86_400_000;
/** What `oob` signs in as on the control plane's own host. */
const OWN_NAME = "oob (local)";

export interface Client {
  appId: string;
  name: string;
  created: string;
  /** Absent for a service principal whose application is not registered here. */
  application?: Application;
  /** Absent for an application that was never let in. */
  program?: ServicePrincipal;
  /** The control plane's own. */
  builtIn: boolean;
}

/** What keeps secrets and certificates. */
export type Holder = "application" | "program";
export type Held<T> = T & { holder: Holder };

export async function loadClients(signal: AbortSignal): Promise<Client[]> {
  const [applications, programs] = await Promise.all([
    arm.list<Application>(APPLICATIONS, { signal }),
    arm.list<ServicePrincipal>(PROGRAMS, { signal }),
  ]);
  return joined(applications, programs);
}

/** The one with a client id; undefined when there is none. */
export async function loadClient(appId: string, signal: AbortSignal): Promise<Client | undefined> {
  const query = { $filter: `appId eq '${appId.replaceAll("'", "''")}'` };
  const [applications, programs] = await Promise.all([
    arm.list<Application>(APPLICATIONS, { query, signal }),
    arm.list<ServicePrincipal>(PROGRAMS, { query, signal }),
  ]);
  return joined(applications, programs)[0];
}

/** By name; both halves of a client in one. */
export function joined(
  applications: readonly Application[],
  programs: readonly ServicePrincipal[],
): Client[] {
  const halves = new Map<string, { application?: Application; program?: ServicePrincipal }>();
  for (const application of applications) halves.set(application.appId, { application });
  for (const program of programs) halves.set(program.appId, { ...halves.get(program.appId), program });
  return [...halves]
    .map(([appId, { application, program }]) => {
      const either = application ?? program;
      return {
        appId,
        name: either?.displayName ?? appId,
        created: either?.createdDateTime ?? "",
        ...(application && { application }),
        ...(program && { program }),
        builtIn: either?.displayName === OWN_NAME,
      };
    })
    .sort((one, other) => one.name.localeCompare(other.name) || one.appId.localeCompare(other.appId));
}

export function secretsOf({ application, program }: Client): Held<PasswordCredential>[] {
  return [
    ...(application?.passwordCredentials ?? []).map((each) => ({ ...each, holder: "application" as const })),
    ...(program?.passwordCredentials ?? []).map((each) => ({ ...each, holder: "program" as const })),
  ];
}

export function certificatesOf({ application, program }: Client): Held<KeyCredential>[] {
  return [
    ...(application?.keyCredentials ?? []).map((each) => ({ ...each, holder: "application" as const })),
    ...(program?.keyCredentials ?? []).map((each) => ({ ...each, holder: "program" as const })),
  ];
}

/** The new client's id. A secret comes later: when that fails, there is a client to see and none to lose. */
export function addClient(name: string): Promise<string> {
  return notices.track(t("clients.noticeAdd", { name }), async () => {
    const { appId } = await arm.post<Application>(APPLICATIONS, { body: { displayName: name } });
    await arm.post<ServicePrincipal>(PROGRAMS, { body: { appId } });
    return appId;
  });
}

/** Lets an application sign in that was registered without a service principal. */
export function letIn({ appId, name }: Client): Promise<unknown> {
  return notices.track(t("clients.noticeLetIn", { name }), () =>
    arm.post<ServicePrincipal>(PROGRAMS, { body: { appId } }),
  );
}

export function setClientEnabled({ name, program }: Client, enabled: boolean): Promise<void> {
  const title = enabled ? "clients.noticeEnable" : "clients.noticeDisable";
  return notices.track(t(title, { name }), () =>
    arm.patch<void>(`${PROGRAMS}/${program?.id}`, { body: { accountEnabled: enabled } }),
  );
}

export function removeClient(client: Client): Promise<void> {
  return notices.track(t("clients.noticeRemove", { name: client.name }), () =>
    arm.delete(pathOf(client, client.application ? "application" : "program")),
  );
}

/** A secret that is seen this once. */
export async function addSecret(client: Client, label: string, days: number): Promise<string> {
  const made = await notices.track(t("clients.noticeAddSecret", { name: client.name }), () =>
    arm.post<PasswordCredential>(`${pathOf(client, homeOf(client))}/addPassword`, {
      body: { passwordCredential: { displayName: label || null, endDateTime: after(days) } },
    }),
  );
  return made.secretText ?? "";
}

export function removeSecret(client: Client, secret: Held<PasswordCredential>): Promise<void> {
  return notices.track(t("clients.noticeRemoveSecret", { name: client.name }), () =>
    arm.post<void>(`${pathOf(client, secret.holder)}/removePassword`, { body: { keyId: secret.keyId } }),
  );
}

/** `text` is PEM with the public part alone. */
export function addCertificate(client: Client, text: string, label: string): Promise<void> {
  const holder = homeOf(client);
  const kept = client[holder]?.keyCredentials.map(({ keyId }) => ({ keyId })) ?? [];
  return notices.track(t("clients.noticeAddCertificate", { name: client.name }), () =>
    arm.patch<void>(pathOf(client, holder), {
      body: { keyCredentials: [...kept, { key: text, ...(label && { displayName: label }) }] },
    }),
  );
}

export function removeCertificate(client: Client, certificate: Held<KeyCredential>): Promise<void> {
  const kept = client[certificate.holder]?.keyCredentials ?? [];
  const rest = kept.filter(({ keyId }) => keyId !== certificate.keyId).map(({ keyId }) => ({ keyId }));
  return notices.track(t("clients.noticeRemoveCertificate", { name: client.name }), () =>
    arm.patch<void>(pathOf(client, certificate.holder), { body: { keyCredentials: rest } }),
  );
}

export function clientPath({ appId }: Pick<Client, "appId">): string {
  return `/identity/clients/${encodeURIComponent(appId)}`;
}

/** Where new ones are kept: with the application, as `oob` and `az ad app credential` do. */
function homeOf(client: Client): Holder {
  return client.application ? "application" : "program";
}

function pathOf(client: Client, holder: Holder): string {
  return `${holder === "application" ? APPLICATIONS : PROGRAMS}/${client[holder]?.id}`;
}

function after(days: number): string {
  return new Date(Date.now() + days * DAY_MS).toISOString();
}
