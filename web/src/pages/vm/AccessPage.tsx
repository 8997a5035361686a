import type { ReactNode } from "react";
import { t } from "../../text";
import { AccessView } from "../access/AccessView";
import { groupScope } from "../shared/resourceId";
import { useSubscriptions } from "../shared/useSubscriptions";
import { VmHeader } from "./VmHeader";
import { useVm } from "./vmContext";

export default function AccessPage(): ReactNode {
  const { place, id } = useVm();
  const subscriptions = useSubscriptions().data;
  const subscription = subscriptions?.find((each) => each.subscriptionId === place.subscription);
  return (
    <>
      <VmHeader page={t("vm.access")} />
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
