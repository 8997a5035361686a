/** What went wrong, in the form that every error view needs: cause, what to do, code. */

import { t } from "../text";
import type { ErrorBody } from "./types";

export interface Explanation {
  /** HTTP status; 0 when no answer came. */
  status: number;
  /** A code of the catalogue, `oob explain CODE` knows it too. */
  code: string;
  message: string;
  title?: string;
  cause?: string;
  remedy?: readonly string[];
  /** What a front end may offer as a button, for instance `start-vm`. */
  action?: string | undefined;
  retryable?: boolean;
  requestId?: string;
  fields?: Readonly<Record<string, unknown>>;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly title: string;
  override readonly cause: string;
  readonly remedy: readonly string[];
  readonly action: string | undefined;
  readonly retryable: boolean;
  readonly requestId: string;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(what: Explanation) {
    super(what.message);
    this.status = what.status;
    this.code = what.code;
    this.title = what.title || what.code;
    this.cause = what.cause ?? "";
    this.remedy = what.remedy ?? [];
    this.action = what.action;
    this.retryable = what.retryable ?? false;
    this.requestId = what.requestId ?? "";
    this.fields = what.fields ?? {};
  }
}

interface Remedy {
  title?: string;
  cause?: string;
  remedy?: string[];
  action?: string | null;
  retryable?: boolean;
  fields?: Record<string, unknown>;
}

/** The error in an answer with a status of 400 or more. `body` is what was parsed of it, undefined when it is not JSON. */
export function errorOf(response: Response, body: unknown): ApiError {
  const requestId = response.headers.get("x-ms-request-id") ?? "";
  const found = (body as { error?: ErrorBody } | undefined)?.error;
  if (typeof found?.code === "string") return fromBody(found, response.status, requestId);
  return notOurs(response.status, requestId);
}

/** The error of a failed operation has the same body as that of a refused request. */
export function fromBody(body: ErrorBody, status: number, requestId = ""): ApiError {
  const info = body.additionalInfo?.find((each) => each.type === "OutofbandRemedy")?.info as
    | Remedy
    | undefined;
  return new ApiError({
    status,
    code: body.code,
    message: body.message,
    requestId,
    ...(info?.title && { title: info.title }),
    ...(info?.cause && { cause: info.cause }),
    ...(info?.remedy && { remedy: info.remedy }),
    ...(info?.action && { action: info.action }),
    ...(info?.retryable && { retryable: true }),
    ...(info?.fields && { fields: info.fields }),
  });
}

export function notOurs(status: number, requestId = ""): ApiError {
  return new ApiError({
    status,
    code: "UnexpectedAnswer",
    title: t("common.notOursTitle"),
    message: t("common.notOursMessage", { status: String(status) }),
    cause: t("common.notOursCause"),
    remedy: [t("common.notOursRemedy")],
    retryable: status >= 500,
    requestId,
  });
}

export function unreachable(): ApiError {
  return new ApiError({
    status: 0,
    code: "ControlPlaneUnreachable",
    title: t("common.unreachableTitle"),
    message: t("common.unreachableMessage"),
    cause: t("common.unreachableCause"),
    remedy: [t("common.unreachableRemedy1"), t("common.unreachableRemedy2")],
    retryable: true,
  });
}

export function late(seconds: number): ApiError {
  return new ApiError({
    status: 0,
    code: "RequestTimedOut",
    title: t("common.timeoutTitle"),
    message: t("common.timeoutMessage", { seconds }),
    cause: t("common.timeoutCause"),
    remedy: [t("common.timeoutRemedy")],
    retryable: true,
  });
}

export function canceled(status: string): ApiError {
  return new ApiError({
    status: 409,
    code: "OperationCanceled",
    title: t("common.canceledTitle"),
    message: t("common.canceledMessage", { status }),
  });
}

/** Anything that was thrown, explained. What the portal itself did wrong keeps its own words among the fields. */
export function explained(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const detail = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new ApiError({
    status: 0,
    code: "PortalFault",
    title: t("common.unexpectedTitle"),
    message: t("common.unexpectedMessage"),
    cause: t("common.unexpectedCause"),
    remedy: [t("common.unexpectedRemedy1"), t("common.unexpectedRemedy2")],
    fields: { detail },
  });
}

/** True for the end of a request that the page itself no longer wants: nothing to show. */
export function isAbort(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "AbortError";
}
