import { makeStyles, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { PlugDisconnectedRegular, WindowConsoleRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import { Confirm } from "../../components";
import { t } from "../../text";
import type { Server } from "../machines/server";
import { GuardedButton } from "../shared/GuardedButton";
import { machinePath, placeOf } from "../shared/resourceId";

interface Props {
  server: Server;
  /** It has a console of its own that may be opened. */
  console: boolean;
  /** Why it cannot be disconnected. */
  why: string | undefined;
}

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexWrap: "wrap",
    gap: tokens.spacingHorizontalXS,
    minWidth: 0,
    margin: 0,
    padding: 0,
    border: "none",
  },
});

/** What can be done to a connected machine. */
export function CommandBar({ server, console, why }: Props): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  const restore = useRestoreFocusTarget();
  const [asking, setAsking] = useState(false);
  const { id, name, vms = 0 } = server;

  async function revoke(reason: string): Promise<void> {
    await arm.begin(id, {
      method: "DELETE",
      version: VERSIONS.hybridCompute,
      title: t("machine.noticeDelete", { name }),
      subject: { name, href: machinePath(placeOf(id), "activity") },
      reason,
    });
    void navigate("/machines");
  }

  return (
    <fieldset className={styles.root} aria-label={t("vm.commands", { name })}>
      {console && (
        <GuardedButton
          appearance="primary"
          icon={<WindowConsoleRegular />}
          why={server.state === "connected" ? undefined : t("machine.whyNoConsole")}
          onClick={() => void navigate(machinePath(placeOf(id), "console"))}
        >
          {t("vm.connect")}
        </GuardedButton>
      )}
      <GuardedButton
        {...restore}
        appearance="subtle"
        icon={<PlugDisconnectedRegular />}
        why={why}
        onClick={() => setAsking(true)}
      >
        {t("machine.delete")}
      </GuardedButton>
      <Confirm
        open={asking}
        title={t("machine.deleteTitle", { name })}
        loses={[
          t("machine.deleteLoss1"),
          t("machine.deleteLoss2"),
          ...(vms > 0 ? [t("machine.deleteLossVms", { count: vms })] : []),
          t("machine.deleteLoss3"),
          t("machine.deleteLoss4"),
        ]}
        confirm={t("machine.delete")}
        typed={name}
        asksWhy
        onConfirm={revoke}
        onClose={() => setAsking(false)}
      />
    </fieldset>
  );
}
