// The fields of a record are changed where they stand. What is shown, sent and refused is the form of its page to change it: of that
// form each field is taken with what stood in it, so that what somebody else changed meanwhile is asked about here too.
// A field is saved with Enter, or by leaving it; Escape leaves it as it was. What was typed stays until it is saved or given up.
import { ask, isSignIn, unreached, why } from "./ask.js";
import { localize } from "./console.js";

const said = document.querySelector("[data-record-said]");
const path = document.querySelector("[data-record]")?.getAttribute("data-record") ?? "";
const token = "input[name=_token]";

/**
 * A field that is open.
 * @typedef {object} Opened
 * @property {string} name
 * @property {HTMLFormElement} form
 * @property {string} before What stood in it.
 * @property {boolean} isTokenOld Whether it is refused with the token that it has.
 * @property {AbortController} asking Ends what is asked for it.
 */

/** @type {Opened | null} */
let open = null;
/** @type {Promise<boolean> | null} What is being saved. */
let saving = null;
/** @type {HTMLFormElement | null} Another form, which is sent once that is saved. */
let waiting = null;
/** @type {Promise<void> | null} Ends once nothing is pressed any more. */
let press = null;

/** @param {string} words */
function say(words) {
  if (said) said.textContent = words;
}

/** @param {HTMLFormElement} form @param {string} words Why it is not saved, for everybody to read. */
function tell(form, words) {
  const told = form.querySelector("[data-told]");
  if (!(told instanceof HTMLElement)) return;
  told.textContent = words && `It was not saved. ${words}`;
  told.hidden = words === "";
}

/** @param {HTMLElement} field @param {string} words Why it is not opened. */
function refuse(field, words) {
  const told = document.createElement("p");
  told.className = "bad";
  told.setAttribute("role", "alert");
  told.setAttribute("data-unopened", "");
  told.textContent = `It cannot be changed now. ${words}`;
  field.append(told);
}

/** @param {string} name @param {ParentNode} [page] @returns {HTMLElement | null} Where the field stands on the page. */
function fieldOf(name, page = document) {
  return page.querySelector(`[data-field="${CSS.escape(name)}"]`);
}

/** @param {string} name @param {ParentNode} page @returns {HTMLElement | null} The field of a page to change the record. */
function entryOf(name, page) {
  return page.querySelector(`[data-entry="${CSS.escape(name)}"]`);
}

/** @param {HTMLFormElement} form @returns {string} What stands in it. */
function content(form) {
  return new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)])).toString();
}

/** @param {HTMLFormElement} form @returns {HTMLElement | null} What is typed into first: what asks, what is wrong, or else the first field. */
function firstOf(form) {
  const places = [".conflict input", "[aria-invalid]", "input:not([type=hidden]), select, textarea"];
  for (const place of places) {
    const found = form.querySelector(place);
    if (found instanceof HTMLElement) return found;
  }
  return null;
}

/** Leads to what is not saved. */
function reach() {
  if (open) firstOf(open.form)?.focus();
}

/**
 * Puts the field of a page to change the record into the form that is open.
 * @param {Document} page
 * @param {HTMLFormElement} form
 * @param {string} name
 */
function put(page, form, name) {
  const entry = entryOf(name, page);
  const its = page.querySelector(`form.grid-form ${token}`);
  if (!entry || !its) return false;
  const problem = entry.querySelector(".bad, .conflict") ? null : page.querySelector("form.grid-form > .notice");
  const parts = [its, ...(problem ? [problem] : []), ...entry.children];
  form.querySelector("[data-parts]")?.replaceChildren(...parts.map((part) => document.importNode(part, true)));
  return true;
}

/** @param {Opened} opened @param {boolean} isFocused Closes the field; it is as it was. */
function close({ name, form, asking }, isFocused) {
  open = null;
  asking.abort();
  form.parentElement?.remove();
  const field = fieldOf(name);
  if (!field) return;
  field.hidden = false;
  if (isFocused) field.querySelector("button")?.focus();
}

/** @param {Opened} opened Leaves the field as it was, whatever is on its way. */
function cancel(opened) {
  if (open !== opened) return;
  const isOnItsWay = saving !== null;
  close(opened, true);
  if (!isOnItsWay) return;
  // It may have been saved.
  ask(path)
    .then(({ answer, page }) => answer.ok && !open && show(page))
    .catch(() => say(unreached));
}

/** @returns {() => void} Gives the focus back to what takes the place of what has it now. */
function focusKept() {
  const focused = document.activeElement;
  const part = focused?.closest("[data-part]");
  if (!focused || !part) return () => {};
  const all = "a, button, summary, input, select, textarea";
  const place = [...part.querySelectorAll(all)].indexOf(focused);
  const name = focused.closest("[data-field]")?.getAttribute("data-field");
  return () => {
    if (focused.isConnected) return;
    const now = document.querySelector(`[data-part="${part.getAttribute("data-part")}"]`);
    const again = name ? fieldOf(name)?.querySelector("button") : now?.querySelectorAll(all)[place];
    if (again instanceof HTMLElement) again.focus();
  };
}

/** @param {Element} part Whether somebody is about to do something with it. */
function isInUse(part) {
  const typed = [...part.querySelectorAll("input, textarea")].some(
    (one) => (one instanceof HTMLInputElement || one instanceof HTMLTextAreaElement) && one.value !== one.defaultValue,
  );
  return typed || part.contains(waiting) || part.querySelector("details[open]") !== null;
}

/**
 * Takes over what fields of these names have on another page.
 * @param {ParentNode} here
 * @param {ParentNode} page
 * @param {string} begin What the names begin with.
 */
function takeOver(here, page, begin) {
  for (const field of here.querySelectorAll(`input[type=hidden][name^="${begin}"]`)) {
    const now = page.querySelector(`input[type=hidden][name="${CSS.escape(field.getAttribute("name") ?? "")}"]`);
    field.setAttribute("value", now?.getAttribute("value") ?? "");
  }
}

/** @param {Document} page What the record is now. What is being typed elsewhere stays, and so does what is opened. */
function show(page) {
  const giveFocus = focusKept();
  for (const part of document.querySelectorAll("[data-part]")) {
    const now = page.querySelector(`[data-part="${part.getAttribute("data-part")}"]`);
    if (!now) continue;
    // What is merged from here on is what is shown now.
    if (isInUse(part)) takeOver(part, now, "seen");
    else part.replaceWith(document.importNode(now, true));
  }
  document.title = page.title;
  for (const time of document.querySelectorAll("time")) localize(time);
  offer();
  giveFocus();
}

/** @param {HTMLFormElement} form Whether it says what is wrong. */
function isAsked(form) {
  return form.querySelector(".conflict, .bad, .notice:not([hidden])") !== null;
}

/** @param {Opened} opened Whether it has a token now that is taken. */
async function renew(opened) {
  const asked = await ask(`${path}/edit`, opened.asking);
  if (open !== opened) return false;
  if (!asked.page.querySelector(`form.grid-form ${token}`)) {
    tell(opened.form, why(asked));
    return false;
  }
  takeOver(opened.form, asked.page, "_token");
  opened.isTokenOld = false;
  return true;
}

/** @param {Opened} opened Goes on with what was typed while it was saved: that is what stood there before. */
async function goOn(opened) {
  const { page } = await ask(`${path}/edit`, opened.asking);
  const entry = entryOf(opened.name, page);
  if (open !== opened || !entry) return;
  takeOver(opened.form, entry, "was:");
  for (const asked of opened.form.querySelectorAll(".conflict, .bad, [data-parts] .notice")) asked.remove();
  opened.before = "";
  say("Saved. What you typed since then is not saved yet.");
}

/** @returns {Promise<boolean>} Whether nothing is open any more. */
async function save() {
  const opened = open;
  if (!opened) return true;
  const { name, form, asking } = opened;
  const isHere = () => form.contains(document.activeElement);
  if (content(form) === opened.before && !isAsked(form)) {
    await press;
    if (open === opened && content(form) !== opened.before) return save();
    if (open === opened) close(opened, isHere());
    return open === null;
  }
  if (!form.reportValidity()) return false;
  tell(form, "");
  if (opened.isTokenOld && !(await renew(opened))) return false;
  const sent = content(form);
  // It goes on where the page is left for another one.
  const how = { method: "POST", body: new URLSearchParams(sent), keepalive: sent.length < 60_000 };
  const asked = await ask(`${path}/edit`, asking, how);
  await press;
  if (open !== opened) return open === null;
  const { answer, page } = asked;
  if (answer.ok && fieldOf(name, page)) {
    if (content(form) !== sent) {
      await goOn(opened);
      return false;
    }
    const isFocused = isHere();
    close(opened, false);
    show(page);
    say("Saved.");
    if (isFocused) fieldOf(name)?.querySelector("button")?.focus();
    return true;
  }
  // It is gone: that page says so.
  if (answer.status === 404) {
    open = null;
    location.assign(path);
    return false;
  }
  const isFocused = isHere();
  const entry = entryOf(name, page);
  if (entry && content(form) !== sent) {
    const words = entry.querySelector(".bad, .conflict legend") ?? page.querySelector("form.grid-form > .notice");
    tell(form, words?.textContent?.trim() ?? "");
  } else if (put(page, form, name)) {
    opened.before = content(form);
    say("It was not saved: look at the field again.");
  } else {
    opened.isTokenOld = answer.status === 403 || isSignIn(page);
    tell(form, why(asked));
  }
  if (isFocused) firstOf(form)?.focus();
  return false;
}

/** @returns {Promise<boolean>} */
function saved() {
  const opened = open;
  saving ??= save()
    .catch(() => {
      if (opened && open === opened) tell(opened.form, unreached);
      return open === null;
    })
    .finally(() => {
      saving = null;
    });
  return saving;
}

/** @returns {Promise<boolean>} The same, with what was typed while something was being saved. */
async function settled() {
  const wasSaving = saving !== null;
  return (await saved()) || (wasSaving && open !== null && !isAsked(open.form) && (await saved()));
}

/** @param {string} name Opens a field, once the one before is saved. */
async function edit(name) {
  if (open?.name === name) return;
  if (!(await settled())) return reach();
  for (const told of document.querySelectorAll("[data-unopened]")) told.remove();
  const template = document.querySelector("template[data-in-place]");
  if (open || !(template instanceof HTMLTemplateElement)) return;
  const place = document.createElement(fieldOf(name)?.tagName === "DD" ? "dd" : "div");
  place.append(document.importNode(template.content, true));
  const form = place.querySelector("form");
  if (!form) return;
  /** @type {Opened} */
  const opened = { name, form, before: "", isTokenOld: false, asking: new AbortController() };
  open = opened;
  let words = "";
  try {
    const asked = await ask(`${path}/edit`, opened.asking);
    if (!put(asked.page, form, name)) words = why(asked);
  } catch {
    words = unreached;
  }
  const field = fieldOf(name);
  // Meanwhile another one was opened.
  if (open !== opened) return;
  if (words || !field) {
    open = null;
    if (field) refuse(field, words);
    return;
  }
  opened.before = content(form);
  field.after(place);
  field.hidden = true;
  firstOf(form)?.focus();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void saved();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) cancel(opened);
  });
  form.querySelector("[data-cancel]")?.addEventListener("click", () => cancel(opened));
  form.addEventListener("focusout", (event) => {
    const to = event.relatedTarget;
    // Where nothing has the focus now, somebody looks at something else, or another window.
    if (!(to instanceof Node) || form.contains(to) || open !== opened) return;
    if (!isAsked(form) || content(form) !== opened.before) void saved();
  });
}

/** Shows what a field is opened by. */
function offer() {
  for (const button of document.querySelectorAll("button[data-edit]")) {
    if (button instanceof HTMLElement) button.hidden = false;
  }
}

// What is moved away between the press and its end is not clicked.
document.addEventListener(
  "pointerdown",
  () => {
    press ??= new Promise((resolve) => {
      for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(resolve), { once: true });
      setTimeout(resolve, 3_000);
    }).then(() => {
      press = null;
    });
  },
  true,
);
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
  void settled().then((isDone) => (isDone ? location.assign(link.href) : reach()));
});
// So is another form sent.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!open || !(form instanceof HTMLFormElement) || form === open.form || event.defaultPrevented) return;
  event.preventDefault();
  if (waiting) return;
  waiting = form;
  void settled().then((isDone) => {
    waiting = null;
    if (isDone) form.requestSubmit(event.submitter);
    else reach();
  });
});
addEventListener("beforeunload", (event) => {
  if (open && (saving || isAsked(open.form) || content(open.form) !== open.before)) event.preventDefault();
});
offer();
