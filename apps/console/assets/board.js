// Cards of the board are moved by dragging, or with Alt and the arrow keys. The menu of each card works without this.

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

/** @type {HTMLElement | null} */
let dragged = null;

/** @param {EventTarget | null} target */
function stageOf(target) {
  return target instanceof Element ? target.closest("[data-stage]") : null;
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
  });
  board.addEventListener("dragover", (event) => {
    const stage = stageOf(event.target);
    if (!dragged || !stage) return;
    event.preventDefault();
    for (const other of board.querySelectorAll(".over")) other.classList.remove("over");
    stage.classList.add("over");
  });
  board.addEventListener("drop", (event) => {
    const stage = stageOf(event.target);
    if (!dragged || !stage) return;
    event.preventDefault();
    void move(dragged, stage);
  });
  board.addEventListener("dragend", () => {
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
    if (target && card.draggable) void move(card, target).then(() => focused instanceof HTMLElement && focused.focus());
  });
}
