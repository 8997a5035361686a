import type { ReactNode } from "react";
import { t } from "../../text";
import { groupScope } from "../shared/resourceId";
import { useSubscriptions } from "../shared/useSubscriptions";
import { AccessView } from "./AccessView";

interface Props {
  readonly id: string;
  readonly place: { readonly subscription: string; readonly group: string; readonly name: string };
}

/** Who may do what with one machine or VM; a role can be given on it, its group or its subscription. */
export function PlacedAccess({ id, place }: Props): ReactNode {
  const subscriptions = useSubscriptions().data;
  const subscription = subscriptions?.find((each) => each.subscriptionId === place.subscription);
  return (
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
  );
}
