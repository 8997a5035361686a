// What makes the account pages nicer; everything works without it.

// Times are rendered in UTC; show them as this reader's clock does.
for (const place of document.querySelectorAll("time")) {
  const moment = new Date(place.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    place.title = place.textContent;
    place.textContent = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

for (const box of document.querySelectorAll("[data-shows]")) {
  const tick = box.querySelector("input");
  box.hidden = false;
  tick.addEventListener("change", () => {
    for (const field of box.closest("form").querySelectorAll("[data-hidden-text]")) {
      field.type = tick.checked ? "text" : "password";
    }
  });
}

// Passkeys: the page brings the question, the browser's answer goes into the form.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

function question(options) {
  const known = (list) => list?.map((each) => ({ ...each, id: bytes(each.id) }));
  const made = { ...options, challenge: bytes(options.challenge) };
  if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
  if (options.allowCredentials) made.allowCredentials = known(options.allowCredentials);
  if (options.excludeCredentials) made.excludeCredentials = known(options.excludeCredentials);
  return made;
}

function told(credential) {
  const { response } = credential;
  const answer = { clientDataJSON: text(response.clientDataJSON) };
  if (response.attestationObject) {
    answer.attestationObject = text(response.attestationObject);
    answer.transports = response.getTransports?.() ?? [];
  } else {
    answer.authenticatorData = text(response.authenticatorData);
    answer.signature = text(response.signature);
    if (response.userHandle) answer.userHandle = text(response.userHandle);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: answer,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

for (const form of document.querySelectorAll("[data-passkey]")) {
  const field = form.elements.namedItem("answer");
  const failed = form.querySelector("[data-failed]");
  const button = form.querySelector("button");
  if (!window.PublicKeyCredential || !navigator.credentials) {
    form.querySelector("[data-missing]").hidden = false;
    button.disabled = true;
    continue;
  }
  form.addEventListener("submit", async (event) => {
    if (field.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    failed.hidden = true;
    button.setAttribute("aria-busy", "true");
    try {
      const publicKey = question(JSON.parse(form.dataset.options));
      field.value = told(await navigator.credentials[form.dataset.passkey]({ publicKey }));
      form.requestSubmit();
    } catch {
      failed.hidden = false;
      button.removeAttribute("aria-busy");
    }
  });
  // Answers are good once: on the way back there is none.
  addEventListener("pageshow", () => (field.value = ""));
  if ("startNow" in form.dataset) form.requestSubmit();
}

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    // A second click would send a code, or a password, twice.
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
    for (const field of form.querySelectorAll("[data-hidden-text]")) field.type = "password";
  });
}

// The answer for a program: on it goes, unless this page is only seen again on the way back.
const answer = document.querySelector("[data-send-now]");
if (answer && performance.getEntriesByType("navigation")[0]?.type !== "back_forward") answer.requestSubmit();

// Back from the page before, the form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});

for (const button of document.querySelectorAll("[data-copies]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copies);
    document.getElementById("said").textContent = button.dataset.copied;
  });
}
