import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { ConnectedMachine } from "../../api/machines";
import type { Subscription } from "../../api/types";
import { Empty, usePoll } from "../../components";
import { list, t } from "../../text";
import { CommandLine } from "../shared/CommandLine";
import { HYBRID_MACHINE } from "../shared/resourceId";

const SECONDS = 5;

const useStyles = makeStyles({
  steps: {
    display: "grid",
    rowGap: tokens.spacingVerticalL,
    margin: 0,
    paddingInlineStart: tokens.spacingHorizontalXL,
    textAlign: "start",
  },
  intro: { marginTop: 0, textAlign: "start" },
  step: { display: "grid", rowGap: tokens.spacingVerticalS },
});

/** In place of an empty list. */
export function FirstMachine({ subscriptions }: { subscriptions: readonly Subscription[] }): ReactNode {
  return (
    <Empty title={t("vms.emptyTitle")} icon={<AddRegular />}>
      <Steps subscriptions={subscriptions} />
    </Empty>
  );
}

interface HowToProps {
  open: boolean;
  subscriptions: readonly Subscription[];
  onClose: () => void;
}

/** The same when there are machines already. */
export function HowTo({ open, subscriptions, onClose }: HowToProps): ReactNode {
  return (
    <Dialog open={open} onOpenChange={(_, data) => !data.open && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t("vms.add")}</DialogTitle>
          <DialogContent>
            <Steps subscriptions={subscriptions} />
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              {t("common.close")}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

/** How to get from nothing to a machine; what is there already is left out. */
function Steps({ subscriptions }: { subscriptions: readonly Subscription[] }): ReactNode {
  const styles = useStyles();
  const wanted = subscriptions.map((each) => each.id).join(" ");
  const load = useCallback((signal: AbortSignal) => hostsOf(wanted.split(" "), signal), [wanted]);
  const hosts = usePoll(load, SECONDS).data ?? [];
  const images = [...new Set(hosts.flatMap((host) => host.properties.outofband?.images ?? []))].sort();
  return (
    <>
      <p className={styles.intro}>{t("vms.emptyHint")}</p>
      <ol className={styles.steps}>
        <li>
          <div className={styles.step}>
            {hosts.length > 0 ? (
              t("vms.emptyHostThere", { hosts: list(hosts.map((host) => host.name)) })
            ) : (
              <>
                {t("vms.emptyHost")}
                <CommandLine command="oob agent token > token" />
                <CommandLine command={`oob agent enroll --server ${location.origin} --token-file token`} />
                <CommandLine command="oob agent run" />
              </>
            )}
          </div>
        </li>
        <li>
          <div className={styles.step}>
            {t("vms.emptyVm")}
            <CommandLine command={`oob vm create web1 --image ${images[0] ?? "demo"}`} />
            {images.length > 0 && t("vms.emptyImages", { images: list(images) })}
          </div>
        </li>
        <li>
          <div className={styles.step}>
            {t("vms.emptyWatch")}
            <CommandLine command="oob vm create old1 --driver unix --socket NAME" />
          </div>
        </li>
      </ol>
    </>
  );
}

async function hostsOf(subscriptions: readonly string[], signal: AbortSignal): Promise<ConnectedMachine[]> {
  const lists = subscriptions.map((id) =>
    arm.list<ConnectedMachine>(`${id}/providers/${HYBRID_MACHINE}`, {
      version: VERSIONS.hybridCompute,
      signal,
    }),
  );
  return (await Promise.all(lists)).flat();
}
