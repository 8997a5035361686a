import {
  Button,
  DrawerBody,
  DrawerHeader,
  DrawerHeaderTitle,
  OverlayDrawer,
} from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../text";
import { SideMenu } from "./SideMenu";

/** The menu of a narrow window, over the page. */
export default function MenuDrawer({ onClose }: { onClose: () => void }): ReactNode {
  return (
    <OverlayDrawer open size="small" onOpenChange={(_, change) => !change.open && onClose()}>
      <DrawerHeader>
        <DrawerHeaderTitle
          action={
            <Button
              appearance="subtle"
              aria-label={t("common.close")}
              icon={<DismissRegular />}
              onClick={onClose}
            />
          }
        >
          {t("common.product")}
        </DrawerHeaderTitle>
      </DrawerHeader>
      <DrawerBody>
        <SideMenu onGo={onClose} />
      </DrawerBody>
    </OverlayDrawer>
  );
}
