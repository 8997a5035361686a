/** What a failure's code means. The log keeps codes; the words are the catalogue's. */

import { ApiError } from "../../api/errors";
import { faultOf, isKnown } from "../../console/faults";
import { t } from "../../text";
import type { Deed } from "./deeds";

/** The failure of a deed, explained as far as the log remembers it: what it does not know stands as "…". */
export function failureOf({ code, subject, resource, action }: Deed): ApiError {
  if (isKnown(code)) return faultOf(code, { vm: subject, resource, action }, "…");
  return new ApiError({ status: 0, code, message: t("activity.failedMessage", { code }) });
}
