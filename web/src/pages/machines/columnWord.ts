import { t } from "../../text";
import type { Column } from "./view";

export function columnWord(column: Column): string {
  switch (column) {
    case "name":
      return t("machines.columnName");
    case "state":
      return t("machines.columnState");
    case "vms":
      return t("machines.columnVms");
    case "agent":
      return t("machines.columnAgent");
    case "heartbeat":
      return t("machines.columnHeartbeat");
    case "os":
      return t("machines.columnSystem");
    case "location":
      return t("machines.columnLocation");
    case "group":
      return t("machines.columnGroup");
  }
}
