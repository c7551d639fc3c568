// Cards of the board are moved by dragging, with Alt and the arrow keys, or by a menu, to be won or lost too. Without this the
// link to the menu leads to a page that has the same.

const board = document.querySelector("[data-board]");
const said = document.querySelector("[data-board-said]");
/** The one menu of all cards; there is none for who may not move them. */
const menu = document.querySelector("dialog[data-menu]");

/** @param {string} words */
function say(words) {
  if (said) said.textContent = words;
}

/** @param {Element} stage @param {number} by */
function count(stage, by) {
  const shown = stage.querySelector("[data-count]");
  if (shown) shown.textContent = String(Number(shown.textContent) + by);
}

/** Takes what stands above the cards from the page as it is now: the sums are the server's. */
async function refresh() {
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const name of ["[data-sums]", "[data-count]"]) {
      for (const shown of document.querySelectorAll(`[data-stage] ${name}`)) {
        const stage = CSS.escape(shown.closest("[data-stage]")?.getAttribute("data-stage") ?? "");
        const now = page.querySelector(`[data-stage="${stage}"] ${name}`);
        if (now) shown.replaceChildren(...now.childNodes);
      }
    }
  } catch {
    // They stay as they were until the page is loaded again.
  }
}

/** @param {Element} card @returns {string} What is moved. */
function titleOf(card) {
  return card.querySelector("a")?.textContent ?? "";
}

/** @param {Element} card @returns {string} The stage that it is in. */
function stageOf(card) {
  return card.closest("[data-stage]")?.getAttribute("data-stage") ?? "";
}

/** @param {Element} card Fills the menu in for it. */
function fill(card) {
  if (!(menu instanceof HTMLDialogElement)) return;
  const path = card.querySelector("a")?.getAttribute("href") ?? "";
  for (const form of menu.querySelectorAll("form")) {
    if (form.method === "dialog") continue;
    form.reset();
    form.setAttribute("action", `${path}/${(form.getAttribute("action") ?? "").split("/").pop()}`);
  }
  for (const details of menu.querySelectorAll("details")) details.open = false;
  const select = menu.querySelector("select");
  if (select) select.value = stageOf(card);
  const title = menu.querySelector("h2");
  if (title) title.textContent = `Move ${titleOf(card)}`;
}

/** @param {string} end Leads to where it is won, or to why it is lost. */
function lead(end) {
  const part = menu?.querySelector(`[data-to="${end}"]`);
  for (const details of part?.querySelectorAll("details") ?? []) details.open = true;
  const field = part?.querySelector("select, input:not([type=hidden]), button");
  if (field instanceof HTMLElement) field.focus();
}

/** @param {Element} card @param {string} end Opens the menu for it, at its stage, at Won or at Lost. */
function open(card, end) {
  if (!(menu instanceof HTMLDialogElement)) return;
  fill(card);
  if (!menu.open) menu.showModal();
  lead(end);
}

/** @param {Element} card @param {string} end Where it was dropped. */
function close(card, end) {
  const form = menu?.querySelector(`form[data-to="${end}"]`);
  if (!(form instanceof HTMLFormElement)) return open(card, end);
  fill(card);
  form.requestSubmit();
}

/**
 * Moves a card and tells the server. What it refuses goes back where it was.
 * @param {HTMLElement} card
 * @param {Element} target
 */
async function move(card, target) {
  const source = card.closest("[data-stage]");
  const cards = target.querySelector("[data-cards]");
  const form = menu?.querySelector('form[data-to="stage"]');
  if (!(form instanceof HTMLFormElement) || !source || !cards || source === target) return;
  const before = card.nextElementSibling;
  cards.prepend(card);
  count(source, -1);
  count(target, 1);
  fill(card);
  const token = String(new FormData(form).get("_token"));
  let moved = false;
  try {
    const body = new URLSearchParams({ _token: token, stage: stageOf(card), quiet: "yes" });
    const answer = await fetch(form.getAttribute("action") ?? "", { method: "POST", body, redirect: "manual" });
    moved = answer.status === 204;
  } catch {
    moved = false;
  }
  if (moved) {
    await refresh();
    say(`${titleOf(card)} is now in ${target.querySelector("h2")?.textContent ?? ""}`);
    return;
  }
  source.querySelector("[data-cards]")?.insertBefore(card, before);
  count(source, 1);
  count(target, -1);
  say(`${titleOf(card)} could not be moved`);
  card.classList.add("refused");
}

/** @type {HTMLElement | null} */
let dragged = null;

/** @param {EventTarget | null} target Where a card can be dropped. */
function placeOf(target) {
  return target instanceof Element ? target.closest("[data-stage], [data-end]") : null;
}

/** @param {boolean} areShown */
function showEnds(areShown) {
  const ends = board?.querySelector("[data-ends]");
  if (ends instanceof HTMLElement) ends.hidden = !areShown;
}

/** @param {EventTarget | null} target */
function cardOf(target) {
  const card = target instanceof Element ? target.closest(".deal") : null;
  return card instanceof HTMLElement ? card : null;
}

if (board instanceof HTMLElement && menu instanceof HTMLDialogElement) {
  for (const card of board.querySelectorAll(".deal")) {
    card.setAttribute("draggable", "true");
    const link = card.querySelector("a + a");
    link?.setAttribute("aria-haspopup", "dialog");
    link?.setAttribute("aria-label", `Move ${titleOf(card)}`);
  }
  board.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest(".deal > a + a") : null;
    const card = cardOf(link);
    // In another tab it is the page.
    if (!card || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(card, "stage");
  });
  board.addEventListener("dragstart", (event) => {
    dragged = cardOf(event.target);
    dragged?.classList.add("dragged");
    if (event.dataTransfer && dragged) {
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", titleOf(dragged));
    }
    // Not at once: a page that changes as a drag begins ends it.
    if (dragged) setTimeout(() => showEnds(dragged !== null));
  });
  board.addEventListener("dragover", (event) => {
    const place = placeOf(event.target);
    if (!dragged || !place) return;
    event.preventDefault();
    for (const other of board.querySelectorAll(".over")) other.classList.remove("over");
    place.classList.add("over");
  });
  board.addEventListener("drop", (event) => {
    const place = placeOf(event.target);
    if (!dragged || !place) return;
    event.preventDefault();
    const end = place.getAttribute("data-end");
    if (end) close(dragged, end);
    else void move(dragged, place);
  });
  board.addEventListener("dragend", () => {
    showEnds(false);
    dragged?.classList.remove("dragged");
    for (const other of board.querySelectorAll(".over")) other.classList.remove("over");
    dragged = null;
  });
  board.addEventListener("keydown", (event) => {
    const card = cardOf(event.target);
    if (!card || !event.altKey || (event.key !== "ArrowLeft" && event.key !== "ArrowRight")) return;
    event.preventDefault();
    const stages = [...board.querySelectorAll("[data-stage]")];
    const here = stages.indexOf(/** @type {Element} */ (card.closest("[data-stage]")));
    const target = stages[here + (event.key === "ArrowLeft" ? -1 : 1)];
    const focused = document.activeElement;
    if (target) void move(card, target).then(() => focused instanceof HTMLElement && focused.focus());
    // Behind the last column are Won and, a key further, Lost: nothing is done before somebody says so.
    else if (event.key === "ArrowRight") open(card, "won");
  });
  menu.addEventListener("keydown", (event) => {
    const isWon = event.target instanceof Element && event.target.closest('[data-to="won"]') !== null;
    if (!isWon || !event.altKey || event.key !== "ArrowRight") return;
    event.preventDefault();
    lead("lost");
  });
}
