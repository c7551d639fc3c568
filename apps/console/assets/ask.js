// Pages that a script asks for, and what they say where they are not what was asked for.

/** For how many milliseconds an answer is waited for. */
const patience = 20_000;

/** What is said where there is no answer. */
export const unreached = "The server cannot be reached. Try it again.";

/** @typedef {{ answer: Response, page: Document }} Asked */

/**
 * Asks for a page, but not for ever.
 * @param {string} to
 * @param {AbortController} [end] Ends it before.
 * @param {RequestInit} [how]
 * @returns {Promise<Asked>}
 */
export async function ask(to, end, how) {
  const late = new AbortController();
  const stop = () => late.abort();
  const timer = setTimeout(stop, patience);
  end?.signal.addEventListener("abort", stop);
  try {
    const answer = await fetch(to, { ...how, signal: late.signal });
    return { answer, page: new DOMParser().parseFromString(await answer.text(), "text/html") };
  } finally {
    clearTimeout(timer);
    end?.signal.removeEventListener("abort", stop);
  }
}

/** @param {Document} page Whether it asks who is there. */
export function isSignIn(page) {
  return page.querySelector('form[action^="/console/sign-in"]') !== null;
}

/** @param {Asked} asked @returns {string} What a page says that has not the field of a form that was asked for. */
export function why({ answer, page }) {
  if (isSignIn(page)) return "You are signed out: sign in in another tab, then try it again here.";
  if (answer.ok || page.querySelector("form.grid-form")) return "The field is no longer on the form.";
  const words = [...page.querySelectorAll("main h1, main h1 ~ p:not(.small)")].map((part) => part.textContent?.trim() ?? "");
  const [title = `The server answers ${answer.status}`, ...rest] = words;
  return rest.length > 0 ? `${title}: ${rest.join(" ")}` : `${title}.`;
}
