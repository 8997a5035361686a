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
