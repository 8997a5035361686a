import { Spinner } from "@fluentui/react-components";
import {
  AppsListRegular,
  DocumentArrowDownRegular,
  PeopleRegular,
  PeopleTeamRegular,
  PersonProhibitedRegular,
  ShieldKeyholeRegular,
} from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Outlet } from "react-router";
import { Empty, PageHeader } from "../../components";
import { t } from "../../text";
import { PageMenu } from "../shared/PageMenu";
import { RIGHTS } from "../shared/rights";
import { useIdentityRight } from "../shared/useRights";

/** Who and what can sign in here, and what a sign-in takes. */
export default function IdentityPage(): ReactNode {
  const may = useIdentityRight();
  if (may === undefined) return <Spinner label={t("common.loading")} />;
  if (!may) {
    return (
      <>
        <PageHeader title={t("frame.identity")} />
        <Empty title={t("identity.noRight")} icon={<PersonProhibitedRegular />}>
          {t("identity.noRightHint", { action: RIGHTS.readDirectory })}
        </Empty>
      </>
    );
  }
  return (
    <PageMenu
      label={t("frame.identity")}
      parts={[
        {
          entries: [
            { to: "/identity/users", label: t("frame.users"), icon: <PeopleRegular /> },
            { to: "/identity/groups", label: t("frame.groups"), icon: <PeopleTeamRegular /> },
            { to: "/identity/clients", label: t("frame.clients"), icon: <AppsListRegular /> },
            { to: "/identity/policy", label: t("frame.signInPolicy"), icon: <ShieldKeyholeRegular /> },
            { to: "/identity/document", label: t("frame.directory"), icon: <DocumentArrowDownRegular /> },
          ],
        },
      ]}
    >
      <Outlet />
    </PageMenu>
  );
}
