/** Why a sign-in did not succeed, explained like every other error. */

import { ErrorResponse } from "oidc-client-ts";
import { ApiError, unreachable } from "../api/errors";
import { t } from "../text";

/** `AADSTS50126: Invalid ... Trace ID: ...` */
const CODE = /\bAADSTS(\d{3,9})\b/;
const TRAILER = /\s*(?:Trace ID|Correlation ID|Timestamp):.*$/s;

/** What an authority says that cannot answer at this moment (RFC 6749 4.1.2.1). */
const PASSING = new Set(["temporarily_unavailable", "server_error", "slow_down"]);

/** True for an answer of the authority that another try will not change; false for silence and for a busy one. */
export function isRefusal(thrown: unknown): boolean {
  return thrown instanceof ErrorResponse && !PASSING.has(thrown.error ?? "");
}

export function signInFailure(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof ErrorResponse) return refused(thrown);
  // fetch() says no more than this when a server is not there.
  if (thrown instanceof TypeError) return unreachable();
  return new ApiError({
    status: 0,
    code: "SignInNotCompleted",
    title: t("frame.signInBrokenTitle"),
    message: t("frame.signInBrokenMessage"),
    cause: t("frame.signInBrokenCause"),
    remedy: [t("frame.signInBrokenRemedy")],
    retryable: true,
    fields: { detail: thrown instanceof Error ? thrown.message : String(thrown) },
  });
}

/** The portal was sent to sign in again and again without ever getting in. */
export function goingInCircles(): ApiError {
  return new ApiError({
    status: 401,
    code: "SignInLoop",
    title: t("frame.signInLoopTitle"),
    message: t("frame.signInLoopMessage"),
    cause: t("frame.signInLoopCause"),
    remedy: [t("frame.signInLoopRemedy1"), t("frame.signInLoopRemedy2")],
    retryable: true,
  });
}

function refused(answer: ErrorResponse): ApiError {
  const said = answer.error_description ?? "";
  const code = CODE.exec(said)?.[0] ?? answer.error ?? "invalid_request";
  const message = said
    .replace(/^AADSTS\d+:\s*/, "")
    .replace(TRAILER, "")
    .trim();
  const denied = answer.error === "access_denied";
  return new ApiError({
    status: 401,
    code,
    title: t(denied ? "frame.signInDeniedTitle" : "frame.signInRefusedTitle"),
    message: message || t("frame.signInRefusedMessage"),
    cause: t(denied ? "frame.signInDeniedCause" : "frame.signInRefusedCause"),
    remedy: [t("frame.signInRefusedRemedy1"), t("frame.signInRefusedRemedy2")],
    retryable: true,
  });
}
