// An import that is under way is looked at again by itself. Without this there is a link to look again.

const SOONEST = 1_000;
const LATEST = 60_000;
/** How often in a row there was no page. */
let failed = 0;

/** @returns {HTMLElement | null} */
function shown() {
  return document.querySelector("[data-run]");
}

/** @param {Response} [answer] Looks again: later after a failure, and when the server says. */
function again(answer) {
  const asked = Number(answer?.headers.get("Retry-After")) * 1_000 || 0;
  const wait = Math.max(SOONEST * 2 ** failed, asked);
  setTimeout(() => void look(), Math.min(wait, LATEST));
}

async function look() {
  const before = shown();
  if (!before || before.dataset.open !== "yes") return;
  /** @type {Response | undefined} */
  let answer;
  let page;
  try {
    answer = await fetch(location.href, { redirect: "error" });
    if (answer.ok) page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    // Nobody answers: as if it was said that there is nothing now.
  }
  if (!page) {
    // What is gone, or nobody may see any more, does not come back.
    if (answer && [403, 404, 410].includes(answer.status)) return;
    failed = Math.min(failed + 1, 10);
    again(answer);
    return;
  }
  failed = 0;
  const now = page.querySelector("[data-run]");
  if (!(now instanceof HTMLElement)) return;
  if (now.dataset.open !== "yes") {
    // What can be done is another thing now.
    location.reload();
    return;
  }
  before.replaceWith(document.adoptNode(now));
  again();
}

again();
