// Cards of the board are moved by dragging, or with Alt and the arrow keys, to be won or lost too. The menu of each card works
// without this.

const board = document.querySelector("[data-board]");
const said = document.querySelector("[data-board-said]");

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

/**
 * Moves a card and tells the server. What it refuses goes back where it was.
 * @param {HTMLElement} card
 * @param {Element} target
 */
async function move(card, target) {
  const source = card.closest("[data-stage]");
  const cards = target.querySelector("[data-cards]");
  if (!(board instanceof HTMLElement) || !source || !cards || source === target) return;
  const before = card.nextElementSibling;
  cards.prepend(card);
  count(source, -1);
  count(target, 1);
  const stage = target.getAttribute("data-stage") ?? "";
  const body = new URLSearchParams({ _token: board.dataset.token ?? "", stage, quiet: "yes" });
  let moved = false;
  try {
    const answer = await fetch(`/console/opportunities/${card.dataset.card}/stage`, { method: "POST", body, redirect: "manual" });
    moved = answer.status === 204;
  } catch {
    moved = false;
  }
  if (moved) {
    const select = card.querySelector("select[name=stage]");
    if (select instanceof HTMLSelectElement) select.value = stage;
    await refresh();
    say(`${card.dataset.title} is now in ${target.querySelector("h2")?.textContent ?? stage}`);
    return;
  }
  source.querySelector("[data-cards]")?.insertBefore(card, before);
  count(source, 1);
  count(target, -1);
  say(`${card.dataset.title} could not be moved`);
  card.classList.add("refused");
}

/**
 * Opens the menu of a card, where it is won, or lost once it is said why.
 * @param {HTMLElement} card
 * @param {string} end
 */
function open(card, end) {
  const part = card.querySelector(`[data-to="${end}"]`);
  for (const details of card.querySelectorAll("details")) details.open = details.contains(part) || part?.contains(details) === true;
  const field = part?.querySelector("input:not([type=hidden]), button");
  if (!(field instanceof HTMLElement)) return;
  field.scrollIntoView({ block: "nearest", inline: "nearest" });
  field.focus();
}

/** @param {HTMLElement} card @param {string} end */
function close(card, end) {
  const form = card.querySelector(`form[data-to="${end}"]`);
  if (form instanceof HTMLFormElement) form.requestSubmit();
  else open(card, end);
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
  const card = target instanceof Element ? target.closest("[data-card]") : null;
  return card instanceof HTMLElement ? card : null;
}

if (board instanceof HTMLElement) {
  board.addEventListener("dragstart", (event) => {
    dragged = cardOf(event.target);
    dragged?.classList.add("dragged");
    if (event.dataTransfer && dragged) {
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", dragged.dataset.card ?? "");
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
    // Where something is typed, these keys are those of the field.
    if (event.target instanceof Element && event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    const stages = [...board.querySelectorAll("[data-stage]")];
    const here = stages.indexOf(/** @type {Element} */ (card.closest("[data-stage]")));
    const target = stages[here + (event.key === "ArrowLeft" ? -1 : 1)];
    const focused = document.activeElement;
    if (!card.draggable) return;
    if (target) void move(card, target).then(() => focused instanceof HTMLElement && focused.focus());
    // Behind the last column are Won and, a key further, Lost: nothing is done before somebody says so.
    else if (event.key === "ArrowRight") open(card, card.querySelector('form[data-to="won"]')?.contains(focused) ? "lost" : "won");
  });
}
