import type { ReactNode } from "react";
import { t } from "../../text";
import { AccessView } from "../access/AccessView";
import { groupScope } from "../shared/resourceId";
import { useSubscriptions } from "../shared/useSubscriptions";
import { MachineHeader } from "./MachineHeader";
import { useMachine } from "./machineContext";

export default function AccessPage(): ReactNode {
  const { place, id } = useMachine();
  const subscriptions = useSubscriptions().data;
  const subscription = subscriptions?.find((each) => each.subscriptionId === place.subscription);
  return (
    <>
      <MachineHeader page={t("frame.access")} />
      <AccessView
        key={id}
        scope={id}
        choices={[
          { scope: id, label: t("access.addScopeVm", { name: place.name }) },
          { scope: groupScope(place), label: t("access.addScopeGroup", { name: place.group }) },
          {
            scope: `/subscriptions/${place.subscription}`,
            label: t("access.addScopeSubscription", {
              name: subscription?.displayName ?? place.subscription,
            }),
          },
        ]}
      />
    </>
  );
}
