/** The live list of connected machines, over every subscription the person has a role in. */

import { useCallback, useRef } from "react";
import { VERSIONS } from "../../api/client";
import type { ConnectedMachine } from "../../api/machines";
import type { Subscription } from "../../api/types";
import { type Polled, usePoll } from "../../components";
import { HYBRID_MACHINE } from "../shared/resourceId";
import { WatchedEverywhere } from "../shared/watchedEverywhere";
import { type Server, toServer } from "./server";

export const REFRESH_SECONDS = 2.5;
const PAGE = 1000;

export interface Listing {
  servers: readonly Server[];
  subscriptions: readonly Subscription[];
  /** Subscriptions whose machines could not be read. */
  failed: readonly { subscription: Subscription; error: unknown }[];
}

export function useServers(): Polled<Listing> {
  const watch = useRef<WatchedEverywhere<ConnectedMachine, Server>>(undefined);
  const load = useCallback(async (signal: AbortSignal) => {
    watch.current ??= new WatchedEverywhere(
      HYBRID_MACHINE,
      { version: VERSIONS.hybridCompute, query: { $top: PAGE } },
      toServer,
    );
    const { rows, ...rest } = await watch.current.read(signal);
    return { servers: rows, ...rest };
  }, []);
  return usePoll(load, REFRESH_SECONDS);
}
