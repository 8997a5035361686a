/** The beginning: who is there? The frame is fetched meanwhile, and shown when that is known. */

import "./theme/choice";
import { setSession } from "./api/session";
import { createClient } from "./auth/client";
import { loadConfig } from "./auth/config";
import { enter } from "./auth/session";
import { fetchPart } from "./later";
import { t } from "./text";
import { speak } from "./text/speak";

async function begin(): Promise<void> {
  const root = document.getElementById("root");
  if (!root) throw new Error("index.html has no #root");
  const application = fetchPart(() => import("./Application"));
  // A failure to fetch it is told where it is awaited.
  application.catch(() => undefined);
  // Without its texts all is told in English.
  const language = speak().catch(() => undefined);
  try {
    const config = await loadConfig();
    const client = createClient(config);
    const fail = (error: unknown): void => {
      void language.then(() => application).then(({ showFailure }) => showFailure(root, error, client));
    };
    const entrance = await enter(client, fail);
    await language;
    const { showFailure, showPortal, showSignedOut } = await application;
    if (entrance.kind === "in") {
      setSession(entrance.session);
      showPortal(root, entrance.session, config);
    } else if (entrance.kind === "out") {
      showSignedOut(root, client);
    } else {
      showFailure(root, entrance.error, client);
    }
  } catch (error) {
    await language;
    try {
      (await application).showFailure(root, error, undefined);
    } catch {
      root.replaceChildren(...bare());
    }
  }
}

/** What can be said without the frame, which did not come. */
function bare(): HTMLElement[] {
  const text = document.createElement("p");
  text.textContent = [t("common.partMissingTitle"), t("common.partMissingCause")].join(": ");
  const reload = document.createElement("button");
  reload.textContent = t("common.reloadPage");
  reload.onclick = () => location.reload();
  return [text, reload];
}

void begin();
