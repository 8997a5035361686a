import { mergeClasses } from "@fluentui/react-components";
import { DeleteRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { StatusBadge, When } from "../../components";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import { useTableStyles } from "../shared/tableStyles";
import type { Holder } from "./clients";
import { lifeOf, lifeWords, TONES } from "./proofs";

interface Proof {
  keyId: string;
  displayName?: string | null;
  startDateTime: string;
  endDateTime: string | null;
  holder: Holder;
}

interface Props<T extends Proof> {
  label: string;
  proofs: readonly T[];
  /** What is shown of it beside its label: how a secret begins, a thumbprint. */
  mark: string;
  markOf: (proof: T) => string;
  why: string | undefined;
  onRemove: (proof: T) => void;
}

/** Secrets or certificates, with until when they are good. */
export function ProofTable<T extends Proof>(props: Props<T>): ReactNode {
  const { label, proofs, mark, markOf, why, onRemove } = props;
  const table = useTableStyles();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={label}>
        <thead>
          <tr>
            <th scope="col" className={table.head}>
              {t("clients.label")}
            </th>
            <th scope="col" className={table.head}>
              {t("users.state")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("clients.ends")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {mark}
            </th>
            <th scope="col" className={table.head}>
              <span className={table.hidden}>{t("access.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {proofs.map((proof) => {
            const life = lifeOf(proof.startDateTime, proof.endDateTime);
            const name = proof.displayName || t("clients.unnamed");
            const ends = proof.endDateTime ? <When at={proof.endDateTime} /> : t("sessions.never");
            return (
              <tr key={proof.keyId} className={table.row}>
                <th scope="row" className={mergeClasses(table.cell, table.name)}>
                  {name}
                  {proof.holder === "program" && (
                    <span className={table.faint}> ({t("clients.ofProgram")})</span>
                  )}
                  <span className={table.instead}>{ends}</span>
                </th>
                <td className={table.cell}>
                  <StatusBadge tone={TONES[life.health]}>{lifeWords(life)}</StatusBadge>
                </td>
                <td className={mergeClasses(table.cell, table.wide)}>{ends}</td>
                <td className={mergeClasses(table.cell, table.wide, table.name)}>{markOf(proof)}</td>
                <td className={mergeClasses(table.cell, table.narrow)}>
                  <GuardedButton
                    appearance="subtle"
                    icon={<DeleteRegular />}
                    why={why}
                    aria-label={t("clients.removeOne", { name })}
                    title={t("access.remove")}
                    onClick={() => onRemove(proof)}
                  />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
