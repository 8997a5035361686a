import { PersonProhibitedRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Empty } from "../../components";
import { t } from "../../text";

/** For a person who may sign in and see nothing. */
export function NoSubscription(): ReactNode {
  return (
    <Empty title={t("subscription.none")} icon={<PersonProhibitedRegular />}>
      {t("subscription.noneHint")}
    </Empty>
  );
}
