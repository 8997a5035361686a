/** Groups and who is in them, through the directory's doors. */

import { arm } from "../../api/client";
import type { DirectoryObject, Group } from "../../api/types";
import { notices } from "../../notices";
import { t } from "../../text";
import { byName, type Person, toPerson } from "../access/directory";

const GROUPS = "/v1.0/groups";
const MAX_NICKNAME = 64;

export interface Wishes {
  name: string;
  description: string;
}

export async function loadGroups(signal: AbortSignal): Promise<Group[]> {
  const found = await arm.list<Group>(GROUPS, { signal });
  return found.sort((one, other) => one.displayName.localeCompare(other.displayName));
}

export function addGroup({ name, description }: Wishes): Promise<Group> {
  return notices.track(t("groups.noticeAdd", { name }), () =>
    arm.post<Group>(GROUPS, {
      body: {
        displayName: name,
        mailNickname: nickname(name),
        securityEnabled: true,
        mailEnabled: false,
        ...(description && { description }),
      },
    }),
  );
}

export function changeGroup(group: Group, { name, description }: Wishes): Promise<void> {
  return notices.track(t("groups.noticeChange", { name: group.displayName }), () =>
    arm.patch<void>(pathOf(group.id), { body: { displayName: name, description: description || null } }),
  );
}

export function removeGroup(group: Group): Promise<void> {
  return notices.track(t("groups.noticeRemove", { name: group.displayName }), () =>
    arm.delete(pathOf(group.id)),
  );
}

/** Those that are in it themselves: users, groups, clients. */
export async function loadMembers(id: string, signal: AbortSignal): Promise<Person[]> {
  const found = await arm.list<DirectoryObject>(`${pathOf(id)}/members`, { signal });
  return found.map(toPerson).sort((one, other) => one.kind.localeCompare(other.kind) || byName(one, other));
}

export function addMember(group: Group, member: Person): Promise<void> {
  const names = { name: member.name, group: group.displayName };
  return notices.track(t("groups.noticeAddMember", names), () =>
    arm.post<void>(`${pathOf(group.id)}/members/$ref`, {
      body: { "@odata.id": `${location.origin}/v1.0/directoryObjects/${member.id}` },
    }),
  );
}

export function removeMember(group: Group, member: Person): Promise<void> {
  const names = { name: member.name, group: group.displayName };
  return notices.track(t("groups.noticeRemoveMember", names), () =>
    arm.delete(`${pathOf(group.id)}/members/${encodeURIComponent(member.id)}/$ref`),
  );
}

/** Graph wants one; there is no mail here. */
export function nickname(name: string): string {
  const made = name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^-+|-+$/g, "");
  return made.slice(0, MAX_NICKNAME) || "group";
}

export function pathOf(id: string): string {
  return `${GROUPS}/${encodeURIComponent(id)}`;
}
