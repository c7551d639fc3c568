// What every page has: times in the zone of whoever reads, `/` for the search field. Every page works without it.

/** @param {HTMLTimeElement} element */
export function localize(element) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const isToday = moment.toDateString() === new Date().toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  const style = isToday ? { timeStyle: "short" } : { dateStyle: "medium" };
  element.textContent = new Intl.DateTimeFormat(undefined, style).format(moment);
  element.title = `${new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" }).format(moment)} (${element.dateTime})`;
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));
}

for (const element of document.querySelectorAll("time")) localize(element);

document.addEventListener("keydown", (event) => {
  const search = document.getElementById("search");
  if (event.key === "/" && search && !isTyping(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  }
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll("details.pop[open]")) open.removeAttribute("open");
  }
});

// One of these is open at a time.
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.pop[open]")) {
    if (!(event.target instanceof Node && open.contains(event.target))) open.removeAttribute("open");
  }
});

// A secret that is shown once is ready to be copied.
for (const field of document.querySelectorAll("input[data-select]")) {
  if (!(field instanceof HTMLInputElement)) continue;
  field.addEventListener("focus", () => field.select());
  const button = field.parentElement?.querySelector("button[data-copy]");
  const status = field.parentElement?.querySelector("[data-copied]");
  // Only over TLS, or on the machine itself.
  if (!(button instanceof HTMLButtonElement) || !status || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      status.textContent = "Copied.";
    } catch {
      status.textContent = "The browser does not let a page copy: it is selected, copy it with the keyboard.";
    }
  });
}
