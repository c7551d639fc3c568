// The fields of a record are changed where they stand. What is shown, sent and refused is the form of its page to change it: of that
// form each field is taken with what stood in it, so that what somebody else changed meanwhile is asked about here too.
// A field is saved with Enter, or by leaving it; Escape leaves it as it was.
import { localize } from "./console.js";

const said = document.querySelector("[data-record-said]");
const path = document.querySelector("[data-record]")?.getAttribute("data-record") ?? "";

/** @type {{ name: string, form: HTMLFormElement, before: string } | null} The field that is open. */
let open = null;
/** @type {Promise<boolean> | null} What is being saved. */
let saving = null;

/** @param {string} words */
function say(words) {
  if (said) said.textContent = words;
}

/** @param {string} name @param {ParentNode} [page] @returns {HTMLElement | null} Where the field stands on the page. */
function fieldOf(name, page = document) {
  return page.querySelector(`[data-field="${CSS.escape(name)}"]`);
}

/** @param {HTMLFormElement} form @returns {string} What stands in it. */
function content(form) {
  return new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)])).toString();
}

/** @param {Response} answer */
async function pageOf(answer) {
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** @param {HTMLFormElement} form @returns {HTMLElement | null} What is typed into first: what is wrong, or else the first field. */
function firstOf(form) {
  return form.querySelector(".conflict input, [aria-invalid], input:not([type=hidden]), select, textarea");
}

/**
 * Puts the field of a page to change the record into the form that is open.
 * @param {Document} page
 * @param {HTMLFormElement} form
 * @param {string} name
 */
function put(page, form, name) {
  const entry = page.querySelector(`[data-entry="${CSS.escape(name)}"]`);
  const token = page.querySelector("form.grid-form input[name=_token]");
  if (!entry || !token) return false;
  const problem = entry.querySelector(".bad, .conflict") ? null : page.querySelector("form.grid-form > .notice");
  const parts = [token, ...(problem ? [problem] : []), ...entry.children];
  form.querySelector("[data-parts]")?.replaceChildren(...parts.map((part) => document.importNode(part, true)));
  return true;
}

/** @param {string} name @param {boolean} isFocused Closes the field; it is as it was. */
function close(name, isFocused) {
  if (open?.name !== name) return;
  open.form.parentElement?.remove();
  open = null;
  const field = fieldOf(name);
  if (!field) return;
  field.hidden = false;
  if (isFocused) field.querySelector("button")?.focus();
}

/** @param {Document} page What the record is now. What is being typed elsewhere stays. */
function show(page) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const now = page.querySelector(`[data-part="${part.getAttribute("data-part")}"]`);
    if (now) part.replaceWith(document.importNode(now, true));
  }
  document.title = page.title;
  for (const time of document.querySelectorAll("time")) localize(time);
  offer();
}

/** @param {HTMLFormElement} form Whether it says what is wrong. */
function isAsked(form) {
  return form.querySelector(".conflict, .bad, .notice") !== null;
}

/** @returns {Promise<boolean>} Whether nothing is open any more. */
async function save() {
  if (!open) return true;
  const { name, form, before } = open;
  const isFocused = form.contains(document.activeElement);
  if (content(form) === before && !isAsked(form)) {
    close(name, isFocused);
    return true;
  }
  if (!form.reportValidity()) return false;
  const body = content(form);
  // It goes on where the page is left for another one.
  const keepalive = body.length < 60_000;
  const answer = await fetch(`${path}/edit`, { method: "POST", body: new URLSearchParams(body), keepalive });
  const page = await pageOf(answer);
  if (answer.ok && fieldOf(name, page)) {
    close(name, false);
    show(page);
    say("Saved.");
    if (isFocused) fieldOf(name)?.querySelector("button")?.focus();
    return true;
  }
  // Signed out, or gone: that page says so.
  if (!put(page, form, name)) {
    location.assign(answer.ok ? answer.url : path);
    return false;
  }
  open.before = content(form);
  say("It was not saved: look at the field again.");
  if (isFocused) firstOf(form)?.focus();
  return false;
}

/** @returns {Promise<boolean>} */
function saved() {
  saving ??= save()
    .catch(() => {
      say("It was not saved: the server cannot be reached.");
      return false;
    })
    .finally(() => {
      saving = null;
    });
  return saving;
}

/** @param {string} name Opens a field, once the one before is saved. */
async function edit(name) {
  if (!(await saved())) {
    if (open) firstOf(open.form)?.focus();
    return;
  }
  const field = fieldOf(name);
  if (!field || open) return;
  const template = document.querySelector("template[data-in-place]");
  if (!(template instanceof HTMLTemplateElement)) return;
  const place = document.createElement(field.tagName === "DD" ? "dd" : "div");
  place.append(document.importNode(template.content, true));
  const form = place.querySelector("form");
  if (!form) return;
  open = { name, form, before: "" };
  try {
    if (!put(await pageOf(await fetch(`${path}/edit`)), form, name)) throw new Error("no field");
  } catch {
    // The page to change all of it says what is wrong.
    location.assign(`${path}/edit`);
    return;
  }
  open.before = content(form);
  field.after(place);
  field.hidden = true;
  firstOf(form)?.focus();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void saved();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !saving) close(name, true);
  });
  form.querySelector("[data-cancel]")?.addEventListener("click", () => !saving && close(name, true));
  form.addEventListener("focusout", (event) => {
    const to = event.relatedTarget;
    // Where nothing has the focus now, somebody looks at something else, or another window.
    if (!(to instanceof Node) || form.contains(to) || open?.form !== form) return;
    if (!isAsked(form) || content(form) !== open.before) void saved();
  });
}

/** Shows what a field is opened by. */
function offer() {
  for (const button of document.querySelectorAll("button[data-edit]")) {
    if (button instanceof HTMLElement) button.hidden = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-edit]") : null;
  const name = button?.closest("[data-field]")?.getAttribute("data-field");
  if (name) void edit(name);
});
// A link is followed once what was typed is saved.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || !open || open.form.contains(link)) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link.target) return;
  event.preventDefault();
  void saved().then((isDone) => isDone && location.assign(link.href));
});
addEventListener("beforeunload", (event) => {
  if (open && !saving && content(open.form) !== open.before) event.preventDefault();
});
offer();
