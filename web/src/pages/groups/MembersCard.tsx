import { Field, makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { DeleteRegular, PeopleAddRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useEffect, useState } from "react";
import { Link } from "react-router";
import type { Group } from "../../api/types";
import { ErrorView, usePoll } from "../../components";
import { t } from "../../text";
import { everybody, type Person } from "../access/directory";
import { KINDS } from "../access/kinds";
import { PersonPicker } from "../access/PersonPicker";
import { pagePath } from "../identity/pagePath";
import { Card } from "../shared/Card";
import { FormBody, FormDialog } from "../shared/FormDialog";
import { GuardedButton } from "../shared/GuardedButton";
import { PollState } from "../shared/PollState";
import { useTableStyles } from "../shared/tableStyles";
import { type Undoable, UndoBar } from "../shared/UndoBar";
import { addMember, loadMembers, removeMember } from "./groups";

const SECONDS = 15;

interface Props {
  group: Group;
  /** Why nothing can be changed. */
  why: string | undefined;
  onCount: (members: number) => void;
}

const useStyles = makeStyles({
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
  who: { display: "flex", alignItems: "center", columnGap: tokens.spacingHorizontalS },
  icon: { display: "inline-flex", fontSize: "1.25rem", color: tokens.colorNeutralForeground3 },
});

/** Who is in a group. Taking somebody out can be undone, so that it is not asked about. */
export function MembersCard({ group, why, onCount }: Props): ReactNode {
  const styles = useStyles();
  const load = useCallback((signal: AbortSignal) => loadMembers(group.id, signal), [group.id]);
  const polled = usePoll(load, SECONDS);
  const { data, error, loading, refresh } = polled;
  const [adding, setAdding] = useState(false);
  const [done, setDone] = useState<Undoable>();
  const [failure, setFailure] = useState<unknown>();
  const count = data?.length;
  useEffect(() => {
    if (count !== undefined) onCount(count);
  }, [count, onCount]);

  async function remove(member: Person): Promise<void> {
    setFailure(undefined);
    setDone(undefined);
    try {
      await removeMember(group, member);
      setDone({
        text: t("groups.memberRemoved", { name: member.name, group: group.displayName }),
        undo: async () => {
          await addMember(group, member);
          void refresh();
        },
      });
    } catch (thrown) {
      setFailure(thrown);
    }
    void refresh();
  }

  return (
    <Card
      title={t("groups.members")}
      note={
        <>
          {count !== undefined && t("common.entries", { count })} <PollState polled={polled} />
        </>
      }
      actions={
        <GuardedButton icon={<PeopleAddRegular />} why={why} onClick={() => setAdding(true)}>
          {t("groups.addMember")}
        </GuardedButton>
      }
    >
      <UndoBar done={done} onClose={() => setDone(undefined)} />
      {failure !== undefined && <ErrorView error={failure} />}
      {loading && <Spinner size="small" label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data?.length === 0 && <p className={styles.text}>{t("groups.noMembers")}</p>}
      {data && data.length > 0 && <Table group={group} members={data} why={why} onRemove={remove} />}
      <FormDialog open={adding} onClose={() => setAdding(false)}>
        <AddMember
          group={group}
          there={data ?? []}
          onDone={() => void refresh()}
          onClose={() => setAdding(false)}
        />
      </FormDialog>
    </Card>
  );
}

interface TableProps {
  group: Group;
  members: readonly Person[];
  why: string | undefined;
  onRemove: (member: Person) => Promise<void>;
}

function Table({ group, members, why, onRemove }: TableProps): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("groups.members")}>
        <thead>
          <tr>
            <th scope="col" className={table.head}>
              {t("groups.name")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("groups.kind")}
            </th>
            <th scope="col" className={table.head}>
              <span className={table.hidden}>{t("access.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {members.map((member) => (
            <tr key={member.id} className={table.row}>
              <th scope="row" className={mergeClasses(table.cell, table.name)}>
                <span className={styles.who}>
                  <span className={styles.icon} aria-hidden>
                    {KINDS[member.kind].icon}
                  </span>
                  <Link className={table.link} to={pagePath(member)}>
                    {member.name}
                  </Link>
                </span>
              </th>
              <td className={mergeClasses(table.cell, table.wide)}>{t(KINDS[member.kind].one)}</td>
              <td className={mergeClasses(table.cell, table.narrow)}>
                <GuardedButton
                  appearance="subtle"
                  icon={<DeleteRegular />}
                  why={why}
                  aria-label={t("groups.removeMember", { name: member.name, group: group.displayName })}
                  title={t("access.remove")}
                  onClick={() => void onRemove(member)}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface AddProps {
  group: Group;
  there: readonly Person[];
  onDone: () => void;
  onClose: () => void;
}

function AddMember({ group, there, onDone, onClose }: AddProps): ReactNode {
  const directory = usePoll(everybody, 0);
  const [person, setPerson] = useState<Person>();
  const [missing, setMissing] = useState(false);
  const ids = new Set([group.id, ...there.map((each) => each.id)]);

  async function add(): Promise<boolean> {
    setMissing(!person);
    if (!person) return false;
    await addMember(group, person);
    onDone();
    return true;
  }

  return (
    <FormBody
      title={t("groups.addMemberTitle", { group: group.displayName })}
      submit={t("groups.addButton")}
      onSubmit={add}
      onClose={onClose}
    >
      <Field
        label={t("access.addWho")}
        hint={t("groups.addMemberHint")}
        required
        {...(missing && !person && { validationMessage: t("access.addMissingWho") })}
      >
        <PersonPicker
          people={(directory.data ?? []).filter((each) => !ids.has(each.id))}
          onPick={setPerson}
        />
      </Field>
      {directory.error !== undefined && (
        <ErrorView error={directory.error} onRetry={() => void directory.refresh()} />
      )}
    </FormBody>
  );
}
