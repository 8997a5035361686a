import {
  Menu,
  MenuButton,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  Spinner,
} from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { ErrorView } from "../../components";
import { t } from "../../text";
import { useInstances } from "../scaleSets/useInstances";
import { keyOf } from "../shared/resourceId";
import { useMachines } from "../vms/useMachines";

interface Props {
  /** Those that are open already. */
  open: readonly string[];
  onAdd: (id: string) => void;
}

/** One more console on this page. */
export function AddConsole({ open, onAdd }: Props): ReactNode {
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement>
        <MenuButton size="small" appearance="subtle" icon={<AddRegular />}>
          {t("console.addConsole")}
        </MenuButton>
      </MenuTrigger>
      <MenuPopover>
        <Machines open={open} onAdd={onAdd} />
      </MenuPopover>
    </Menu>
  );
}

function Machines({ open, onAdd }: Props): ReactNode {
  const { data, error, loading, refresh } = useMachines();
  const instances = useInstances(data?.subscriptions);
  if (loading) return <Spinner size="tiny" label={t("common.loading")} />;
  if (!data) return <ErrorView error={error} onRetry={() => void refresh()} />;
  const there = new Set(open.map(keyOf));
  const others = [...data.machines, ...(instances ?? [])].filter((machine) => !there.has(machine.key));
  return (
    <MenuList aria-label={t("console.addLabel")}>
      {others.map((machine) => (
        <MenuItem key={machine.key} onClick={() => onAdd(machine.id)}>
          {machine.name}
        </MenuItem>
      ))}
      {others.length === 0 && <MenuItem disabled>{t("console.addNone")}</MenuItem>}
    </MenuList>
  );
}
