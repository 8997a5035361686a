import type { PolicyPreview } from "../../api/types";
import { list, t } from "../../text";

/** Names told in a question; the rest is a number. */
const NAMED = 5;

/**
 * What happens when a second factor is required, before it is: who has none, which sign-ins are asked again, and oneself.
 * `own` is the number of one's own factors, undefined while it is not known.
 */
export function lossesOf(preview: PolicyPreview | undefined, own: number | undefined): string[] {
  const losses: string[] = [];
  if (preview) {
    const { people, without, sessions, value } = preview;
    losses.push(
      without === 0
        ? t("policy.lossNobody", { count: people })
        : t("policy.lossPeople", { count: without, people }),
    );
    if (without > 0) {
      const names = value.slice(0, NAMED).map((each) => each.userPrincipalName);
      const rest = without - names.length;
      const more = rest > 0 ? t("common.more", { count: rest }) : undefined;
      losses.push(t("policy.lossNames", { names: list(names, more) }));
    }
    losses.push(t("policy.lossSessions", { count: sessions }));
  } else {
    losses.push(t("policy.lossUnknown"));
  }
  losses.push(t("policy.lossLed"));
  if (own === 0) losses.push(t("policy.lossYou"));
  return losses;
}
