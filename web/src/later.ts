/** Parts of the portal that are fetched when they are first wanted, over a network that may be away for a moment. */

import { ApiError } from "./api/errors";
import { pause } from "./pause";
import { t } from "./text";

/** Before each further try. A person waits meanwhile, and a network that changes is there again after a second or two. */
const PAUSES_SECONDS = [0.3, 1, 2.5];

/**
 * The module that `load` imports; every `import()` of the portal goes through this. A module that could not be fetched is
 * asked for again: browsers remember only those that came. Throws ApiError `PortalPartMissing` when it stays away, and
 * whatever a module throws that came and is broken.
 */
export async function fetchPart<T>(load: () => Promise<T>): Promise<T> {
  for (const seconds of PAUSES_SECONDS) {
    try {
      return await load();
    } catch (thrown) {
      if (!isAbsence(thrown)) throw thrown;
    }
    await pause(seconds);
  }
  try {
    return await load();
  } catch (thrown) {
    throw isAbsence(thrown) ? missing() : thrown;
  }
}

/** Each browser has its own words for a module that did not come; all of them are a TypeError. */
function isAbsence(thrown: unknown): boolean {
  return (
    thrown instanceof TypeError &&
    /dynamically imported module|importing a module script failed/i.test(thrown.message)
  );
}

function missing(): ApiError {
  return new ApiError({
    status: 0,
    code: "PortalPartMissing",
    title: t("common.partMissingTitle"),
    message: t("common.partMissingMessage"),
    cause: t("common.partMissingCause"),
    remedy: [t("common.partMissingRemedy1"), t("common.partMissingRemedy2")],
    retryable: true,
  });
}
