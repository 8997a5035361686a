import { t } from "../../text";
import type { Column } from "./view";

export function columnWord(column: Column): string {
  switch (column) {
    case "name":
      return t("vms.columnName");
    case "power":
      return t("vms.columnPower");
    case "console":
      return t("vms.columnConsole");
    case "host":
      return t("vms.columnHost");
    case "group":
      return t("vms.columnGroup");
    case "health":
      return t("vms.columnHealth");
  }
}
