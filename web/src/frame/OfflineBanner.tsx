import {
  Button,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  MessageBarTitle,
} from "@fluentui/react-components";
import { type ReactNode, useEffect, useState } from "react";
import { answered, connectivity } from "../api/connectivity";
import { useStore } from "../store";
import { clockTime, t } from "../text";
import { answers, watchConnectivity } from "./reconnect";

/** Tells that the control plane is away, for as long as it is; everything on screen is then as old as that. */
export function OfflineBanner(): ReactNode {
  const { reachable, seen } = useStore(connectivity);
  const [trying, setTrying] = useState(false);
  useEffect(() => {
    const end = new AbortController();
    watchConnectivity(end.signal);
    return () => end.abort();
  }, []);
  if (reachable) return null;

  async function tryNow(): Promise<void> {
    setTrying(true);
    if (await answers()) answered();
    setTrying(false);
  }

  return (
    <MessageBar intent="warning" shape="square" politeness="assertive">
      <MessageBarBody>
        <MessageBarTitle>{t("frame.offlineTitle")}</MessageBarTitle>
        {t("frame.offlineText", { when: clockTime(seen) })}
      </MessageBarBody>
      <MessageBarActions>
        <Button onClick={() => void tryNow()} disabledFocusable={trying}>
          {t("frame.tryNow")}
        </Button>
      </MessageBarActions>
    </MessageBar>
  );
}
