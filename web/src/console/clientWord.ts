import { t } from "../text";

const AZURE = "az serial-console";

/** What somebody is at a console with, by what that program calls itself; empty when it has not said. */
export function clientWord(client: string): string {
  if (client === "portal") return t("common.clientPortal");
  if (client === "oob") return t("common.clientOob");
  if (client.startsWith(AZURE)) return t("common.clientAzure", { client });
  return client;
}
