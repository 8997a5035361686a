import {
  Field,
  Input,
  makeStyles,
  Radio,
  RadioGroup,
  Select,
  Text,
  tokens,
} from "@fluentui/react-components";
import { type ReactNode, useCallback } from "react";
import { Link } from "react-router";
import { arm, VERSIONS } from "../../api/client";
import type { ResourceGroup, Subscription } from "../../api/types";
import { usePoll } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { placeOf } from "../shared/resourceId";
import { TagFields } from "../shared/TagFields";
import { useTableStyles } from "../shared/tableStyles";
import { faultsOf, type SignIn, type System, type Wishes } from "./wishes";

interface Props {
  wishes: Wishes;
  groups: readonly ResourceGroup[];
  subscriptions: readonly Subscription[];
  /** Why machines may not be connected to the group that is chosen. */
  why: string | undefined;
  onChange: (part: Partial<Wishes>) => void;
}

const useStyles = makeStyles({
  fields: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 1fr)",
    rowGap: tokens.spacingVerticalM,
    maxWidth: "40rem",
  },
  note: { color: tokens.colorNeutralForeground2 },
});

/** Where servers belong and how they are connected. */
export function WishesForm({ wishes, groups, subscriptions, why, onChange }: Props): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  const faults = faultsOf(wishes);
  const { subscription } = placeOf(wishes.group);
  const load = useCallback((signal: AbortSignal) => locationsOf(subscription, signal), [subscription]);
  const known = usePoll(load, 0).data ?? [];
  const locations = [...new Set([wishes.location, ...known])].filter(Boolean).sort();
  const wrong = (fault: boolean, message: string): object =>
    fault ? { validationState: "error", validationMessage: message } : {};
  return (
    <>
      <Card title={t("onboard.where")}>
        <div className={styles.fields}>
          <Field label={t("onboard.group")} {...wrong(why !== undefined, why ?? "")}>
            <Select
              value={wishes.group}
              onChange={(_, data) => onChange({ group: data.value, location: "" })}
            >
              {groups.map((group) => (
                <option key={group.id} value={group.id}>
                  {groupWord(group, subscriptions)}
                </option>
              ))}
            </Select>
          </Field>
          <Field label={t("onboard.location")} hint={t("onboard.locationHint")}>
            <Select value={wishes.location} onChange={(_, data) => onChange({ location: data.value })}>
              {locations.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </Select>
          </Field>
          <div>
            <Text>{t("onboard.tagsLabel")}</Text>
            <TagFields rows={wishes.tags} onChange={(tags) => onChange({ tags })} />
          </div>
        </div>
      </Card>
      <Card title={t("onboard.how")}>
        <div className={styles.fields}>
          <Field label={t("onboard.system")}>
            <RadioGroup
              layout="horizontal"
              value={wishes.system}
              onChange={(_, data) => onChange({ system: data.value as System })}
            >
              <Radio value="linux" label={t("onboard.systemLinux")} />
              <Radio value="windows" label={t("onboard.systemWindows")} />
            </RadioGroup>
          </Field>
          {wishes.system === "windows" && <Text className={styles.note}>{t("onboard.windowsNote")}</Text>}
          <Field label={t("onboard.signIn")}>
            <RadioGroup
              value={wishes.signIn}
              onChange={(_, data) => onChange({ signIn: data.value as SignIn })}
            >
              <Radio value="person" label={t("onboard.signInPerson")} />
              <Radio value="program" label={t("onboard.signInProgram")} />
            </RadioGroup>
          </Field>
          {wishes.signIn === "program" && (
            <>
              <Text className={styles.note}>
                {t("onboard.programHint")}{" "}
                <Link className={table.link} to="/identity/clients">
                  {t("onboard.programList")}
                </Link>
              </Text>
              <Field
                label={t("onboard.program")}
                required
                {...wrong(faults.has("program"), t("onboard.programNeeded"))}
              >
                <Input
                  value={wishes.program}
                  autoComplete="off"
                  spellCheck={false}
                  onChange={(_, data) => onChange({ program: data.value })}
                />
              </Field>
            </>
          )}
          <Field
            label={t("onboard.proxy")}
            hint={t("onboard.proxyHint")}
            {...wrong(faults.has("proxy"), t("onboard.proxyNeeded"))}
          >
            <Input
              value={wishes.proxy}
              type="url"
              autoComplete="off"
              onChange={(_, data) => onChange({ proxy: data.value })}
            />
          </Field>
        </div>
      </Card>
    </>
  );
}

async function locationsOf(subscription: string, signal: AbortSignal): Promise<string[]> {
  const found = await arm.list<{ name: string }>(`/subscriptions/${subscription}/locations`, {
    version: VERSIONS.resources,
    signal,
  });
  return found.map((each) => each.name);
}

function groupWord(group: ResourceGroup, subscriptions: readonly Subscription[]): string {
  if (subscriptions.length < 2) return group.name;
  const { subscription } = placeOf(group.id);
  const name = subscriptions.find((each) => each.subscriptionId === subscription)?.displayName;
  return t("onboard.groupIn", { group: group.name, subscription: name ?? subscription });
}
