/** The directory as one document: out to a file, in from one. */

import { arm } from "../../api/client";
import { ApiError } from "../../api/errors";
import { notices } from "../../notices";
import { t } from "../../text";
import { saveAs } from "../shared/saveAs";

/** One thing that an import did, or would do. */
export interface Change {
  kind: string;
  id: string;
  name: string;
  what: string;
  about: string;
}

interface Answer {
  dryRun: boolean;
  changes: Change[];
}

/** Without passwords and secrets: whoever wants those asks on the command line. */
export async function download(): Promise<void> {
  await notices.track(t("directory.noticeExport"), async () => {
    const found = await arm.post<{ tenant: { domain?: string } }>("/directory/export", { body: {} });
    const name = `directory-${found.tenant.domain ?? "tenant"}.json`;
    saveAs(name, JSON.stringify(found, null, 2), "application/json");
  });
}

/** Throws ApiError for what is no JSON. */
export function parsed(text: string): unknown {
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === "object" && found !== null) return found;
  } catch {
    // Told below.
  }
  throw new ApiError({
    status: 0,
    code: "NotADocument",
    title: t("directory.notTitle"),
    message: t("directory.notMessage"),
    cause: t("directory.notCause"),
    remedy: [t("directory.notRemedy")],
  });
}

/** What `document` would change. */
export async function tried(document: unknown): Promise<Change[]> {
  return (await arm.post<Answer>("/directory/import", { body: { document, dryRun: true } })).changes;
}

export async function bring(document: unknown): Promise<Change[]> {
  const answer = await notices.track(t("directory.noticeImport"), () =>
    arm.post<Answer>("/directory/import", { body: { document, dryRun: false } }),
  );
  return answer.changes;
}

export function kindWord(kind: string): string {
  switch (kind) {
    case "users":
      return t("access.user");
    case "groups":
      return t("access.principalGroup");
    case "applications":
      return t("clients.client");
    case "servicePrincipals":
      return t("access.servicePrincipal");
    default:
      return kind;
  }
}

export function whatWord(what: string): string {
  switch (what) {
    case "create":
      return t("directory.create");
    case "update":
      return t("directory.update");
    case "addMember":
      return t("directory.addMember");
    case "addOwner":
      return t("directory.addOwner");
    case "addSecret":
      return t("directory.addSecret");
    case "addCertificate":
      return t("directory.addCertificate");
    default:
      return what;
  }
}
