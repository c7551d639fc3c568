// An import that is under way is looked at again by itself. Without this there is a link to look again.

/** @returns {HTMLElement | null} */
function shown() {
  return document.querySelector("[data-run]");
}

async function look() {
  const before = shown();
  if (!before || before.dataset.open !== "yes") return;
  let page;
  try {
    const answer = await fetch(location.href, { redirect: "error" });
    if (!answer.ok) return;
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    later();
    return;
  }
  const now = page.querySelector("[data-run]");
  if (!(now instanceof HTMLElement)) return;
  if (now.dataset.open !== "yes") {
    // What can be done is another thing now.
    location.reload();
    return;
  }
  before.replaceWith(document.adoptNode(now));
  later();
}

function later() {
  setTimeout(() => void look(), 1000);
}

later();
