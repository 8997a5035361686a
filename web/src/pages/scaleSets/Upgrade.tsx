import { ArrowSyncRegular } from "@fluentui/react-icons";
import { type ReactNode, useMemo, useState } from "react";
import { Confirm } from "../../components";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import { type Place, setId } from "../shared/resourceId";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";
import { upgrade } from "./sets";

interface Props {
  set: Place;
  /** Of the instances that are brought to the latest model. */
  numbers: readonly string[];
  onEnd: () => void;
}

/** The button that updates instances, after a question: an instance may have to start anew. */
export function Upgrade({ set, numbers, onEnd }: Props): ReactNode {
  const id = setId(set);
  const may = useRights(useMemo(() => [id], [id]));
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const count = numbers.length;
  const whyBusy = busy ? t("vms.whyBusy") : undefined;
  const why = may(id, "upgrade") ? whyBusy : t("vms.whyRight", { action: RIGHTS.upgrade });

  async function begin(): Promise<void> {
    setBusy(true);
    try {
      // A failure is told among the notifications.
      await upgrade(set, numbers).catch(() => undefined);
    } finally {
      setBusy(false);
      onEnd();
    }
  }

  return (
    <>
      <GuardedButton
        appearance="primary"
        icon={<ArrowSyncRegular />}
        why={why}
        onClick={() => setAsked(true)}
      >
        {t("scaleSets.upgrade", { count })}
      </GuardedButton>
      {asked && (
        <Confirm
          open
          title={t("scaleSets.upgradeTitle", { count })}
          loses={[t("scaleSets.upgradeLoss1"), t("scaleSets.upgradeLoss2")]}
          confirm={t("scaleSets.upgradeVerb")}
          onConfirm={() => void begin()}
          onClose={() => setAsked(false)}
        />
      )}
    </>
  );
}
