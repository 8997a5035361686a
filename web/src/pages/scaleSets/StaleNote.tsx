import { MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { t } from "../../text";
import { type Place, setOf } from "../shared/resourceId";
import { Upgrade } from "./Upgrade";

/** Of an instance that lacks the latest model of its scale set: what that means, and the way out. */
export function StaleNote({ place, onEnd }: { place: Place; onEnd: () => void }): ReactNode {
  const set = setOf(place);
  if (!set || !place.instance) return null;
  return (
    <MessageBar intent="warning" layout="multiline">
      <MessageBarBody>
        <MessageBarTitle>{t("scaleSets.stale")}</MessageBarTitle> {t("scaleSets.staleHint")}
      </MessageBarBody>
      <MessageBarActions>
        <Upgrade set={set} numbers={[place.instance.number]} onEnd={onEnd} />
      </MessageBarActions>
    </MessageBar>
  );
}
