// Drives a real browser through the console. Run by scripts/test-console, in the folder that has playwright-core and axe-core.
//
//   node test-console.mjs URL PRIMARY_KEY SECONDARY_KEY CHROMIUM ISSUER OTHER_TENANT
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [url, key, secondaryKey, executablePath, issuer, otherTenant] = process.argv.slice(2);
const host = new URL(url).host;
const complaints = [];

function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Whatever a page says that it should not: errors, refusals of the policy, dialogs, requests to other hosts. */
function listen(page) {
  page.setDefaultTimeout(30_000);
  const where = () => new URL(page.url()).pathname;
  page.on("console", (message) => {
    // What a page answers with a status is no error of its script.
    if (message.type() === "error" && !/status of (4\d\d)|ERR_INTERNET_DISCONNECTED/.test(message.text())) complaints.push(`${where()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`${where()}: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`${where()}: a dialog says ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const asked = new URL(request.url());
    if (asked.protocol !== "data:" && asked.host !== host) complaints.push(`${where()} asks ${asked.host}`);
  });
  return page;
}

async function api(method, path, body) {
  const headers = { "Ocp-Apim-Subscription-Key": key, "Content-Type": "application/json" };
  const answer = await fetch(`${url}${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  check(answer.ok, `${method} ${path} answers ${answer.status}: ${text}`);
  return text ? JSON.parse(text) : {};
}

/** A form with these fields beside those that it has. */
async function addFields(path, ...fields) {
  const present = (await api("GET", path)).items.map(({ tenantId, ...field }) => field);
  await api("PUT", path, { fields: [...present, ...fields] });
}

async function signIn(page, secret = key) {
  await page.goto(`${url}/`);
  await page.waitForURL(`${url}/console/sign-in*`);
  await page.getByLabel("API key").fill(secret);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${url}/console`);
}

/** What axe finds on a page, in few words. */
async function findings(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  return found.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

const pages = [
  "/console", "/console/board", "/console/leads", "/console/opportunities", "/console/contacts", "/console/organizations",
  "/console/cases", "/console/leads/new", "/console/cases/new", "/console/leads/1", "/console/opportunities/1",
  "/console/contacts/1", "/console/organizations/1", "/console/cases/1", "/console/opportunities/1/stage?back=%2Fconsole%2Fboard", "/console/trash", "/console/leads/1/edit",
  "/console/opportunities/1/edit", "/console/contacts/1/edit", "/console/organizations/1/edit", "/console/cases/1/edit",
  "/console/search?q=acme", "/console/search", "/console/settings/keys", "/console/contacts/duplicates",
  "/console/contacts/compare?id=1&id=2", "/console/organizations/duplicates", "/console/organizations/compare?id=1&id=2", "/console/imports", "/console/settings/tags/leads", "/console/settings/pipelines",
  "/console/settings/pipelines/new", "/console/settings/forms/contacts", "/console/settings/case-types",
  "/console/settings/case-types/1", "/console/settings/case-types/1/form", "/console/settings/webhooks", "/console/nowhere", "/console/leads?title=zebra",
  "/console/cases?contact=doe", "/console/cases?contact=nobody", "/console/opportunities?organizationId=1&contactId=99&tags=gone&status=open",
];

// Chromium refuses its sandbox to root, which is who runs CI.
const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
const browser = await chromium.launch({ executablePath, args });

/** The one that has deliveries. */
let webhook = "";

async function fill() {
  const at = { id: "at", label: "Meets at", category: "custom", type: "date-time", required: false };
  await addFields("/directory/forms/organizations", at);
  const email = [{ value: "hello@acme.example" }];
  await api("POST", "/directory/organizations", { name: "Acme Corporation", website: "https://acme.example", email, customFields: { at: "2025-02-20T09:27:00" } });
  await api("POST", "/directory/organizations", { name: "Acme Corp.", email });
  // It is told of what nobody receives: so there are deliveries.
  const told = await api("POST", "/settings/webhooks", { url: "http://127.0.0.1:9/hook", events: ["lead.created"] });
  webhook = told.item.id;
  pages.push(`/console/settings/webhooks/${webhook}`);
  await api("POST", "/directory/contacts", { name: "Jane Doe", organizationId: "1", email: [{ label: "Work", value: "jane@acme.example" }] });
  await api("POST", "/directory/contacts", { name: "J. Doe", email: [{ value: "jane@acme.example" }], note: "Met in Rome" });
  await api("POST", "/settings/webhooks", { url: "https://example.com/hook", events: ["*"], enabled: false });
  await api("POST", "/pipeline/leads", { title: "Acme asks for a quote", organizationId: "1", leadRating: "3_hot", owner: { id: "u-1", name: "Eva Sales" } });
  await api("POST", "/pipeline/opportunities", { title: "Acme, 40 seats", organizationId: "1", value: { amount: 25000, code: "EUR" } });
  await api("POST", "/cases/cases", { title: "Acme cannot log in", contactId: "1" });
  await api("POST", "/pipeline/tags/leads", { label: "vip", color: "#ffcc00" });
}

async function asPeopleGo(context) {
  const page = listen(await context.newPage());
  await signIn(page);

  // A record is made, with a mistake first.
  await page.getByRole("link", { name: "Opportunities", exact: true }).click();
  await page.getByRole("link", { name: "New opportunity" }).click();
  await page.getByLabel("Title").fill("Made in a browser");
  await page.getByLabel("Organization").fill("Nobody Ltd");
  await page.getByRole("button", { name: "Make the opportunity" }).click();
  await page.getByText("is the name of none").waitFor();
  for (const found of await findings(page)) complaints.push(`a name that none has: ${found}`);
  check((await page.getByLabel("Title").inputValue()) === "Made in a browser", "what was typed is gone");
  await page.getByLabel("Make an organization of this name").check();
  await page.getByLabel("Value: Amount").fill("1200.50");
  await page.getByLabel("Value: Currency").fill("EUR");
  await page.getByRole("button", { name: "Make the opportunity" }).click();
  await page.getByRole("heading", { name: "Made in a browser" }).waitFor();
  const path = new URL(page.url()).pathname;

  // It is moved by keys, by dragging, by its menu, and won.
  await page.goto(`${url}/console/board`);
  const stages = page.locator("[data-stage]");
  const card = page.locator(".deal", { hasText: "Made in a browser" });
  const isIn = async (index) => stages.nth(index).locator(".deal", { hasText: "Made in a browser" }).waitFor();
  const answered = () => page.waitForResponse((response) => response.url().endsWith("/stage"));
  await isIn(0);
  await card.getByRole("link").first().focus();
  let moved = answered();
  await page.keyboard.press("Alt+ArrowRight");
  check((await moved).status() === 204, "moving by keys was refused");
  await isIn(1);
  moved = answered();
  await card.dragTo(stages.nth(2).locator("[data-cards]"));
  check((await moved).status() === 204, "dragging was refused");
  await page.reload();
  await isIn(2);
  const menu = page.getByRole("dialog", { name: "Move Made in a browser" });
  await card.getByRole("link", { name: "Move Made in a browser" }).click();
  check((await menu.getByRole("combobox", { name: "Stage" }).inputValue()) === (await stages.nth(2).getAttribute("data-stage")), "the menu is of another stage");
  for (const found of await findings(page)) complaints.push(`the menu of a card: ${found}`);
  // Escape leads back to where it was opened; so do keys alone.
  await page.keyboard.press("Escape");
  await menu.waitFor({ state: "hidden" });
  check((await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))) === "Move Made in a browser", "the focus is lost");
  await page.keyboard.press("Enter");
  await menu.getByRole("combobox", { name: "Stage" }).selectOption({ index: 1 });
  await menu.getByRole("button", { name: "Move", exact: true }).click();
  await isIn(1);
  await card.getByRole("link", { name: "Move Made in a browser" }).click();
  await menu.getByRole("button", { name: "Won" }).click();
  await page.waitForURL(`${url}/console/board*`);
  check((await card.count()) === 0, "what is won is still on the board");
  await page.goto(`${url}${path}`);
  await page.getByText("won", { exact: true }).first().waitFor();

  // Others are dropped where they are won and lost, and led there by keys.
  const dropped = {};
  for (const end of ["won", "lost", "keys"]) {
    dropped[end] = (await api("POST", "/pipeline/opportunities", { title: `To be ${end}`, value: { amount: 7, code: "EUR" } })).item.id;
  }
  const drop = async (end) => {
    await page.goto(`${url}/console/board`);
    const from = await page.locator(".deal", { hasText: `To be ${end}` }).getByTitle("Days in this stage").boundingBox();
    await page.mouse.move(from.x + 8, from.y + 8);
    await page.mouse.down();
    await page.mouse.move(from.x + 30, from.y + 20, { steps: 4 });
    const place = page.locator(`[data-end="${end}"]`);
    await place.waitFor();
    for (const found of await findings(page)) complaints.push(`a card that is dragged: ${found}`);
    const to = await place.boundingBox();
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 6 });
    await page.mouse.up();
  };
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("name") ?? document.activeElement?.textContent);
  const isClosed = async (end, status, reason) => {
    await page.locator(".deal", { hasText: `To be ${end}` }).waitFor({ state: "detached" });
    const { item } = await api("GET", `/pipeline/opportunities/${dropped[end]}`);
    check(item.status === status && item.lostReason?.reasonId === reason, `to be ${end}: ${JSON.stringify(item)}`);
  };
  await drop("won");
  await isClosed("won", "won", undefined);
  await drop("lost");
  check((await focused()) === "reasonId", `lost asks for the reason, and not for ${await focused()}`);
  await page.locator("[data-ends]").waitFor({ state: "hidden" });
  await page.keyboard.type("price");
  await page.keyboard.press("Enter");
  await isClosed("lost", "lost", "price");
  await page.goto(`${url}/console/board`);
  await page.locator(".deal", { hasText: "To be keys" }).getByRole("link").first().focus();
  for (let columns = await stages.count() - 1; columns > 0; columns--) {
    moved = answered();
    await page.keyboard.press("Alt+ArrowRight");
    check((await moved).status() === 204, "moving by keys was refused");
    await page.waitForFunction(() => document.activeElement?.closest(".deal") !== null);
  }
  await page.keyboard.press("Alt+ArrowRight");
  check((await focused()) === "Won", `behind the last column is ${await focused()}`);
  for (const found of await findings(page)) complaints.push(`the end of the board: ${found}`);
  await page.keyboard.press("Alt+ArrowRight");
  check((await focused()) === "reasonId", `behind Won is ${await focused()}`);
  await page.keyboard.type("by keys");
  await page.keyboard.press("Enter");
  await isClosed("keys", "lost", "by keys");

  // A lead becomes an opportunity.
  const fair = (await api("POST", "/pipeline/leads", { title: "Met at a fair" })).item.id;
  await page.goto(`${url}/console/leads/${fair}`);
  await page.getByRole("button", { name: "Convert" }).click();
  await page.getByText("The lead is an opportunity now").waitFor();
  await page.getByRole("heading", { name: "Met at a fair" }).waitFor();
  const converted = new URL(page.url()).pathname.split("/").pop();
  check((await api("GET", `/pipeline/leads/${fair}`)).item.opportunityId === converted, "the lead does not name its opportunity");
  await api("PATCH", `/pipeline/opportunities/${converted}/updateStatus`, { status: "won" });

  // A browser leaves out seconds that are none: what nobody touched is not changed.
  await page.goto(`${url}/console/organizations/1/edit`);
  check((await page.getByLabel("Meets at").inputValue()) === "2025-02-20T09:27", "the browser writes times in another way");
  const before = JSON.stringify((await api("GET", "/directory/organizations/1")).item);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  check(JSON.stringify((await api("GET", "/directory/organizations/1")).item) === before, "a form that nobody touched changed something");

  await page.goto(`${url}/console/organizations/1/edit`);
  await page.getByLabel("Meets at").fill("2025-02-20T09:27:30");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  check((await api("GET", "/directory/organizations/1")).item.customFields.at === "2025-02-20T09:27:30", "seconds are not saved");

  // Two people change one record.
  await page.goto(`${url}/console/leads/1/edit`);
  await api("PATCH", "/pipeline/leads/1", { title: "Theirs", note: "theirs too" });
  await page.getByLabel("Title").fill("Mine");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Somebody else changed “Title” meanwhile").waitFor();
  await page.getByLabel("Take mine").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Mine" }).waitFor();
  const lead = await api("GET", "/pipeline/leads/1");
  check(lead.item.title === "Mine" && lead.item.note === "theirs too", `the lead is ${JSON.stringify(lead.item)}`);

  // A step that takes a comment is refused without one, and taken with it.
  const status = (id, label) => ({ id, type: "node", data: { label } });
  const step = (id, label, target, data) => ({ id, type: "labeledEdge", source: "o", target, label, data });
  const workflow = {
    status: [status("o", "Open"), status("c", "Closed"), status("r", "Rejected")],
    transition: [step("1", "Close", "c", {}), step("2", "Reject", "r", { recordComment: true })],
  };
  const claims = (await api("POST", "/cases/types/cases", { label: "Claims", workflow })).item.id;
  const claim = (await api("POST", "/cases/cases", { title: "A claim", caseTypeId: claims })).item.id;
  await page.goto(`${url}/console/cases/${claim}`);
  await page.getByText("Change the status").first().click();
  await page.getByLabel("Step").selectOption({ label: "Reject → Rejected (with a comment)" });
  await page.locator(".pop[open]").getByRole("button", { name: "Change the status" }).click();
  await page.getByText("is required by this step").waitFor();
  for (const found of await findings(page)) complaints.push(`a step without its comment: ${found}`);
  check((await api("GET", `/cases/cases/${claim}`)).item.status === "Open", "it was walked without a comment");
  await page.locator(".pop[open]").getByLabel("Comment").fill("Not ours");
  await page.locator(".pop[open]").getByRole("button", { name: "Change the status" }).click();
  await page.getByText("Done.").waitFor();
  await page.getByText("Not ours").first().waitFor();
  check((await api("GET", `/cases/cases/${claim}`)).item.status === "Rejected", "it was not walked");

  // A case is walked by the transition that is chosen.
  await page.goto(`${url}/console/cases/1`);
  await page.getByText("Change the status").first().click();
  await page.getByLabel("Step").selectOption({ index: 1 });
  await page.locator(".pop[open]").getByLabel("Comment").fill("On its way");
  for (const found of await findings(page)) complaints.push(`a case's steps: ${found}`);
  await page.locator(".pop[open]").getByRole("button", { name: "Change the status" }).click();
  await page.getByText("Done.").waitFor();
  await page.getByText("On its way").first().waitFor();
  await page.goto(`${url}/console/leads/1`);

  // It is said, deleted and restored.
  await page.getByLabel("Add a comment").fill("Called them");
  await page.getByRole("button", { name: "Comment" }).click();
  await page.getByText("Called them").first().waitFor();
  await page.getByText("Delete", { exact: true }).first().click();
  await page.locator(".pop[open]").getByRole("button", { name: "Delete" }).click();
  await page.getByText("It is in the trash").waitFor();
  await page.getByRole("link", { name: "Trash" }).click();
  await page.getByRole("button", { name: "Restore" }).first().click();
  await page.getByText("Restored.").waitFor();

  // `/` leads to the search field.
  await page.keyboard.press("/");
  await page.keyboard.type("jane");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Jane Doe" }).click();
  await page.getByRole("heading", { name: "Jane Doe" }).waitFor();

  // A list is filtered by somebody's name, and by nobody's again.
  await page.goto(`${url}/console/cases`);
  await page.getByText("More filters").click();
  await page.getByLabel("Contact (name").fill("doe");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Which contact?" }).waitFor();
  await page.getByRole("link", { name: "Jane Doe" }).click();
  await page.waitForURL((now) => now.searchParams.get("contactId") === "1");
  await page.getByRole("link", { name: "Acme cannot log in" }).waitFor();
  for (const found of await findings(page)) complaints.push(`filters that are on: ${found}`);
  await page.getByRole("link", { name: "Contact: Jane Doe" }).click();
  await page.waitForURL((now) => now.pathname === "/console/cases" && !now.searchParams.has("contactId"));

  // It is filtered by an owner, and what is selected is exported, by keys alone.
  await page.goto(`${url}/console/leads`);
  await page.getByText("More filters").click();
  await page.getByLabel("Owner", { exact: true }).selectOption("Eva Sales");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("link", { name: "Owner: Eva Sales" }).waitFor();
  await page.getByLabel("Select Mine").focus();
  await page.keyboard.press("Space");
  const button = page.getByRole("button", { name: "Export them" });
  for (let tabs = 0; !(await button.evaluate((node) => node === document.activeElement)); tabs++) {
    check(tabs < 30, "no key leads to the export");
    await page.keyboard.press("Tab");
  }
  const selection = page.waitForEvent("download");
  await page.keyboard.press("Enter");
  const exported = readFileSync(await (await selection).path(), "utf8").trim().split("\r\n");
  check(exported.length === 2 && exported[1].includes("Mine"), `the selection is ${exported}`);

  // Enter in the field of the owner gives to them, and does nothing else.
  const tagged = (await api("GET", "/pipeline/leads/1")).item.tags.length;
  await page.getByLabel("Owner: name, e-mail or id").fill("Bob Sales");
  await page.keyboard.press("Enter");
  await page.getByText("Changed.").waitFor();
  const given = (await api("GET", "/pipeline/leads/1")).item;
  check(given.owner.id === "Bob Sales" && given.tags.length === tagged, `Enter did something else: ${JSON.stringify(given)}`);

  // A key is made and replaced; its sessions end.
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByLabel("Name").fill("For a test");
  await page.getByLabel("*:read").check();
  await page.getByRole("button", { name: "Make the key" }).click();
  const secret = await page.getByRole("textbox", { name: "The new key" }).inputValue();
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByText("Copied.").waitFor();
  check((await page.evaluate(() => navigator.clipboard.readText())) === secret, "another text was copied");
  for (const found of await findings(page)) complaints.push(`a new key: ${found}`);
  const other = await browser.newContext();
  const theirs = listen(await other.newPage());
  await signIn(theirs, secret);
  await page.getByLabel("Replace the key For a test").click();
  await page.locator(".pop[open]").getByRole("button", { name: "Replace" }).click();
  check((await page.getByRole("textbox", { name: "The new key" }).inputValue()) !== secret, "the key is the old one");
  const until = Date.now() + 6_000;
  while (new URL((await theirs.goto(`${url}/console/leads`)).url()).pathname !== "/console/sign-in") {
    check(Date.now() < until, "the session outlived its key");
    await theirs.waitForTimeout(300);
  }
  await other.close();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${url}/console/sign-in`);
}

/** The fields of a record are changed where they stand: saved, refused, left as they were, and asked about. */
async function inPlace() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = listen(await context.newPage());
  await signIn(page);
  const { id } = (await api("POST", "/pipeline/leads", { title: "In its place", note: "First", owner: { id: "u-1", name: "Eva Sales" } })).item;
  const item = async () => (await api("GET", `/pipeline/leads/${id}`)).item;
  await page.goto(`${url}/console/leads/${id}`);
  await page.getByLabel("Add a comment").fill("not sent yet");
  const note = page.locator(".in-place").getByLabel("Note");
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));

  // By keys alone: opened, left as it was, typed and saved.
  await page.getByRole("button", { name: "Edit Note" }).focus();
  await page.keyboard.press("Enter");
  await note.waitFor();
  for (const found of await findings(page)) complaints.push(`a field in its place: ${found}`);
  await page.keyboard.type("Nothing of this");
  await page.keyboard.press("Escape");
  check((await focused()) === "Edit Note" && (await note.count()) === 0, "the field is open, or the focus is lost");
  await page.keyboard.press("Enter");
  await note.fill("Second");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("[data-field=note]", { hasText: "Second" }).waitFor();
  check((await focused()) === "Edit Note", "the focus is lost once it is saved");
  check((await item()).note === "Second" && (await item()).owner.name === "Eva Sales", `it is ${JSON.stringify(await item())}`);
  await page.getByText("Second").nth(1).waitFor();
  check((await page.getByLabel("Add a comment").inputValue()) === "not sent yet", "what was typed elsewhere is gone");

  // It is saved by going on to something else; the title too.
  await page.getByRole("button", { name: "Edit Note" }).click();
  await note.fill("Third");
  await page.getByRole("button", { name: "Edit Title" }).click();
  await page.locator(".in-place").getByLabel("Title").fill("Moved in its place");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Moved in its place" }).waitFor();
  check((await item()).note === "Third" && (await item()).title === "Moved in its place", `it is ${JSON.stringify(await item())}`);

  // What is refused stands beside it, and is mended there.
  await page.getByRole("button", { name: "Edit Organization" }).click();
  await page.locator(".in-place").getByRole("textbox", { name: "Organization" }).fill("Nobody of this name");
  await page.keyboard.press("Enter");
  await page.getByText("is the name of none").waitFor();
  for (const found of await findings(page)) complaints.push(`what is refused in its place: ${found}`);
  await page.locator(".in-place").getByRole("textbox", { name: "Organization" }).fill("#1");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Acme Corporation" }).waitFor();
  check((await item()).organization.id === "1", "it has no organization");

  // Somebody else changes the same field meanwhile: both are shown, and one is chosen.
  for (const [choice, theirs, stays] of [["Keep theirs", "Theirs", "Theirs"], ["Take mine", "Theirs too", "Mine"]]) {
    await page.getByRole("button", { name: "Edit Note" }).click();
    await note.fill("Mine");
    await api("PATCH", `/pipeline/leads/${id}`, { note: theirs, leadRating: "3_hot" });
    await page.locator(".in-place").getByRole("button", { name: "Save" }).click();
    await page.getByText("Somebody else changed “Note” meanwhile").waitFor();
    for (const found of await findings(page)) complaints.push(`a conflict in its place: ${found}`);
    await page.getByLabel(choice).check();
    await page.locator(".in-place").getByRole("button", { name: "Save" }).click();
    await page.locator("[data-field=note]", { hasText: stays }).waitFor();
    check((await item()).note === stays && (await item()).leadRating === "3_hot", `${choice}: ${JSON.stringify(await item())}`);
  }

  // A link is followed once it is saved; a merge is of what is shown now.
  await page.getByRole("button", { name: "Edit Note" }).click();
  await note.fill("Last");
  await page.getByRole("link", { name: "Overview" }).click();
  await page.waitForURL(`${url}/console`);
  check((await item()).note === "Last", "what was typed is gone");

  // Who only reads is offered nothing of it.
  const other = await browser.newContext();
  const reader = listen(await other.newPage());
  await signIn(reader, secondaryKey);
  await reader.goto(`${url}/console/leads/${id}`);
  check((await reader.locator("[data-edit]").count()) === 0, "who only reads is offered to edit");
  await other.close();

  // The page of a case has its workflow, with its status marked.
  await page.goto(`${url}/console/cases/1`);
  const { status } = (await api("GET", "/cases/cases/1")).item;
  const here = page.locator(".graph-here");
  check((await here.count()) === 1 && (await here.innerHTML()).includes(`>${status}`), `the picture does not show ${status}`);
  await page.getByRole("img", { name: `the case is at “${status}”` }).waitFor();
  await context.close();
}

/** What is typed into a field in its place stays, whatever goes wrong, and nothing else on the page is lost by it. */
async function inPlaceInTrouble() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = listen(await context.newPage());
  await signIn(page);
  const { id } = (await api("POST", "/pipeline/leads", { title: "In trouble", note: "First" })).item;
  const item = async () => (await api("GET", `/pipeline/leads/${id}`)).item;
  const form = page.locator(".in-place");
  const [note, save, told] = [form.getByLabel("Note"), form.getByRole("button", { name: "Save" }), form.getByRole("alert")];
  const pencil = (label) => page.getByRole("button", { name: `Edit ${label}`, exact: true });
  const edit = async (text) => {
    await pencil("Note").click();
    await note.fill(text);
  };
  const shows = (text) => page.locator("[data-field=note]", { hasText: text }).waitFor();
  const isAt = async (name, what) => {
    const now = await page.evaluate(() => document.activeElement?.getAttribute("name") ?? document.activeElement?.getAttribute("aria-label"));
    check(now === name, `${what}: the focus is at ${now} and not at ${name}`);
  };
  const warns = () => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
  // A slow network: what is asked for is asked for later.
  await page.addInitScript(() => {
    const { fetch } = window;
    window.fetch = async (...asked) => {
      await new Promise((resolve) => setTimeout(resolve, window.delay ?? 0));
      return fetch(...asked);
    };
  });
  const wait = (delay) => page.evaluate((delay) => void (window.delay = delay), delay);
  await page.goto(`${url}/console/leads/${id}`);

  // Two clicks open one field, and of two pencils the second is what somebody wants.
  await wait(300);
  await pencil("Note").dblclick();
  await note.waitFor();
  check((await form.count()) === 1, `two clicks open ${await form.count()} forms`);
  await page.keyboard.press("Escape");
  await pencil("Note").click();
  await pencil("Title").click();
  await form.getByLabel("Title").waitFor();
  check((await form.count()) === 1, `two pencils open ${await form.count()} forms`);
  // An Escape that ends what an input method composes leaves it open.
  await form.getByLabel("Title").dispatchEvent("keydown", { key: "Escape", isComposing: true, bubbles: true });
  check((await form.count()) === 1, "composing closes the field");
  check(!(await warns()), "it warns of nothing");
  await page.keyboard.press("Escape");

  // What is done meanwhile stays: the focus, a click that is on its way, what is typed into another form, and into the field.
  await pencil("Title").click();
  await form.getByLabel("Title").fill("In more trouble");
  await save.focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  const next = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
  await page.getByRole("heading", { name: "In more trouble" }).waitFor();
  check(next?.startsWith("Edit "), `behind the field is ${next}`);
  await isAt(next, "once it is saved");
  await edit("Third");
  await pencil("Title").click({ delay: 600 });
  await form.getByLabel("Title").waitFor();
  await page.keyboard.press("Escape");
  await shows("Third");
  await wait(800);
  await edit("Fourth");
  await page.locator("summary", { hasText: "Merge" }).click();
  await page.getByLabel("The other one’s number").fill("1");
  await shows("Fourth");
  check((await page.getByLabel("The other one’s number").inputValue()) === "1", "what was typed beside it is gone");
  await isAt("sourceId", "beside it");
  await page.locator("summary", { hasText: "Merge" }).click();
  await edit("Fifth");
  await save.click();
  check(await warns(), "it does not warn while it is saved");
  await note.fill("Fifth and more");
  await page.getByText("What you typed since then is not saved yet").waitFor({ state: "attached" });
  check((await note.inputValue()) === "Fifth and more" && (await item()).note === "Fifth", `it is ${(await item()).note}`);
  check(await warns(), "it does not warn of what was typed since then");
  await wait(0);
  await save.click();
  await shows("Fifth and more");

  // What the server says without a form is told beside what was typed; another token is taken, signed in again if need be.
  await edit("x".repeat(1_200_000));
  await save.click();
  await told.waitFor();
  check((await note.inputValue()).length === 1_200_000, "what is too long is gone");
  for (const found of await findings(page)) complaints.push(`what could not be sent: ${found}`);
  await note.fill("Sixth");
  await form.locator("[name=_token]").evaluate((token) => token.setAttribute("value", "of another session"));
  await save.click();
  await told.waitFor();
  await save.click();
  await shows("Sixth");
  await edit("Seventh");
  await context.clearCookies();
  for (let tries = 0; tries < 2; tries++) {
    await save.click();
    await told.filter({ hasText: "signed out" }).waitFor();
  }
  check((await note.inputValue()) === "Seventh", "what was typed is gone once the session is");
  await signIn(listen(await context.newPage()));
  await save.click();
  await shows("Seventh");
  await page.reload();

  // Without a network it is told, left by Escape, and not opened.
  await edit("Eighth");
  await context.setOffline(true);
  await save.click();
  await told.filter({ hasText: "cannot be reached" }).waitFor();
  for (const found of await findings(page)) complaints.push(`no network: ${found}`);
  check(await warns(), "it does not warn of what could not be sent");
  await page.keyboard.press("Escape");
  await pencil("Note").click();
  await page.getByText("It cannot be changed now").waitFor();
  for (const found of await findings(page)) complaints.push(`what cannot be opened: ${found}`);
  await context.setOffline(false);
  await edit("Never");
  await wait(60_000);
  await save.click();
  await note.press("Escape");
  await shows("Seventh");
  check((await form.count()) === 0 && (await item()).note === "Seventh", "what is given up is not");
  await page.reload();

  // What is refused is led to by links and other forms, which are not followed or sent; once it is mended they are.
  await pencil("Organization").click();
  await form.getByRole("textbox", { name: "Organization" }).fill("Nobody of this name");
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByText("is the name of none").waitFor();
  await isAt("organizationId", "a link that is not followed");
  check(await warns(), "it does not warn of what is refused");
  await page.getByLabel("Add a comment").fill("Said meanwhile");
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "organizationId");
  check((await page.getByLabel("Add a comment").inputValue()) === "Said meanwhile", "the comment is gone");
  await form.getByRole("textbox", { name: "Organization" }).fill("#1");
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await page.getByText("Your comment is there.").waitFor();
  await page.getByText("Said meanwhile").first().waitFor();
  check((await item()).organization?.id === "1", "the field was not saved before the comment");
  await edit("Ninth");
  await page.getByRole("button", { name: "Archive" }).click();
  await page.getByText("Done.").waitFor();
  check((await item()).note === "Ninth" && (await item()).isArchived, "the field was not saved before the button");

  // Somebody else changes it again while both are shown: the choice is asked for again, and focused.
  await edit("Mine");
  for (const theirs of ["Theirs", "Theirs again"]) {
    await api("PATCH", `/pipeline/leads/${id}`, { note: theirs });
    await save.click();
    await form.getByText(`Keep theirs: ${theirs}`, { exact: true }).waitFor();
    await isAt("keep:note", "a conflict");
    await form.getByLabel("Take mine").check();
  }
  await save.click();
  await shows("Mine");
  await context.close();
}

/** Times are shown in the zone of whoever reads, the exact one on hover; without script in UTC. */
async function inTheirZone() {
  const shown = new Set();
  const zones = ["Pacific/Auckland", "America/New_York", "Asia/Kolkata"];
  const { id } = (await api("POST", "/directory/organizations", { name: "Of a time" })).item;
  for (const timezoneId of zones) {
    const context = await browser.newContext({ timezoneId, locale: "en-US" });
    const page = listen(await context.newPage());
    await signIn(page);
    await page.goto(`${url}/console/organizations/${id}`);
    const time = page.locator("#about").locator("xpath=..").locator("time").first();
    const [moment, text, title] = [await time.getAttribute("datetime"), await time.innerText(), await time.getAttribute("title")];
    const expected = (style) => new Intl.DateTimeFormat("en-US", { ...style, timeZone: timezoneId }).format(new Date(moment));
    const isOf = [expected({ timeStyle: "short" }), expected({ dateStyle: "medium" })].includes(text);
    check(isOf, `${moment} is shown in ${timezoneId} as ${text}`);
    check(title === `${expected({ dateStyle: "full", timeStyle: "long" })} (${moment})`, `${moment} on hover is ${title}`);
    shown.add(title);
    await context.close();
  }
  check(shown.size === zones.length, `zones show the same: ${[...shown]}`);
  const context = await browser.newContext({ javaScriptEnabled: false, timezoneId: zones[0] });
  const page = listen(await context.newPage());
  await signIn(page);
  await page.goto(`${url}/console/organizations/${id}`);
  const time = page.locator("time").first();
  const moment = await time.getAttribute("datetime");
  check((await time.innerText()) === moment.slice(0, 16).replace("T", " ") && (await time.getAttribute("title")) === moment, "without script a time is not that of UTC");
  await context.close();
}

/** A record is printed without what stands around it, dark on white. */
async function onPaper() {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } });
    const page = listen(await context.newPage());
    await signIn(page);
    for (const path of ["/console/leads/1", "/console/opportunities/1", "/console/contacts/1", "/console/organizations/1", "/console/cases/1"]) {
      await page.goto(`${url}${path}`);
      check(await page.locator(".side").isVisible(), "there is nothing to leave out");
      await page.emulateMedia({ media: "print" });
      const around = await page.locator("header.side, nav.crumbs, button, input, textarea, select, summary").filter({ visible: true }).count();
      check(around === 0, `${path} prints ${around} things to click`);
      for (const part of ["h1", ".facts dd", "#history"]) check(await page.locator(part).first().isVisible(), `${path} does not print ${part}`);
      const wrong = await page.evaluate(() => {
        const light = (/** @type {string} */ color) => (color.match(/[\d.]+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
        const card = document.querySelector(".card");
        const [text, ground] = [getComputedStyle(document.querySelector(".facts dd")).color, getComputedStyle(card).backgroundColor];
        return light(text) > 0.4 || light(ground) < 0.9 ? `${text} on ${ground}` : "";
      });
      check(wrong === "", `${path} is printed ${wrong}, ${colorScheme}`);
      check((await page.pdf()).length > 1_000, `${path} is no paper`);
      await page.emulateMedia({ media: "screen" });
    }
    await context.close();
  }
}

/** The rows of a form are dragged to their places; the picture of a workflow comes closer and is moved. */
async function byMouse() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = listen(await context.newPage());
  await signIn(page);
  const order = async () => (await api("GET", "/directory/forms/organizations")).items.map((field) => field.id);
  await page.goto(`${url}/console/settings/forms/organizations`);
  const rows = page.locator("[data-rows]").first().locator("tr");
  const before = await order();
  const grab = async (row) => {
    const box = await row.locator("[data-handle]").boundingBox();
    // By what is around the number.
    await page.mouse.move(box.x + box.width / 2, box.y + box.height - 3);
    await page.mouse.down();
  };
  await grab(rows.nth(2));
  const to = await rows.nth(0).boundingBox();
  await page.mouse.move(to.x + 40, to.y + to.height / 2, { steps: 8 });
  await page.mouse.move(to.x + 40, to.y + 4, { steps: 4 });
  await page.mouse.up();
  const places = await rows.locator("[data-place]").evaluateAll((fields) => fields.map((field) => field.value));
  check(places.every((place, index) => place === String(index + 1)), `the places are ${places}`);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  const after = await order();
  check(after[0] === before[2] && after[1] === before[0] && after[2] === before[1], `${before.slice(0, 4)} became ${after.slice(0, 4)}`);

  const types = (await api("GET", "/cases/types/cases")).items;
  await page.goto(`${url}/console/settings/case-types/${types[0].id}`);
  const graph = page.locator("[data-graph]");
  const view = () => graph.evaluate((svg) => [svg.viewBox.baseVal.x, svg.viewBox.baseVal.y, svg.viewBox.baseVal.width, svg.viewBox.baseVal.height]);
  const spots = () => page.locator("[data-status]").evaluateAll((all) => all.map((one) => one.getAttribute("transform")).join(" "));
  await graph.scrollIntoViewIfNeeded();
  const [first, placed, box] = [await view(), await spots(), await graph.boundingBox()];
  // A wheel alone scrolls the page.
  await page.mouse.move(box.x + 5, box.y + 5);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -120);
  await page.waitForFunction((width) => document.querySelector("[data-graph]").viewBox.baseVal.width < width, first[2]);
  const closer = await view();
  check(Math.abs(closer[2] / closer[3] - first[2] / first[3]) < 0.01, "the picture is bent");
  await page.mouse.wheel(0, 120);
  await page.waitForFunction((width) => document.querySelector("[data-graph]").viewBox.baseVal.width > width, closer[2]);
  await page.keyboard.up("Control");
  const back = await view();
  check(back.every((part, index) => Math.abs(part - first[index]) < 1), `there and back is ${back} and not ${first}`);
  await page.mouse.down();
  await page.mouse.move(box.x + 65, box.y + 45, { steps: 4 });
  await page.mouse.up();
  const moved = await view();
  check(moved[0] < first[0] - 10 && moved[1] < first[1] - 10 && moved[2] === back[2], `the ground was not moved: ${moved}`);
  check((await spots()) === placed, "statuses were moved with the ground");
  await context.close();
}

/** A file becomes records, duplicates become one, tags, pipelines, forms and a workflow are changed. */
async function asAdministratorsGo(context) {
  const page = listen(await context.newPage());
  await signIn(page);

  // 1 000 rows: looked at, tried, imported, with a column that is matched by hand and a row that fails.
  await page.getByRole("link", { name: "Import", exact: true }).click();
  const rows = Array.from({ length: 1_000 }, (_, number) => `Person ${number},p${number}@import.example,Note ${number}`);
  rows[500] = "Wrong,no address,x";
  await page.getByLabel("What the rows are").selectOption("contact");
  await page.getByLabel("File (required)").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(`name,email,Remark\n${rows.join("\n")}\n`) });
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByText("1000 rows").waitFor();
  check((await page.locator("tbody tr").count()) === 10, "ten rows are shown");
  for (const found of await findings(page)) complaints.push(`the columns of a file: ${found}`);
  await page.getByLabel("What Remark is").selectOption("note");
  // Its page goes on looking after it was told to come later.
  let refused = 0;
  const ofImport = /\/console\/imports\/[^/]+$/;
  await page.route(ofImport, (route) => {
    if (route.request().resourceType() !== "fetch" || refused === 2) return route.continue();
    refused++;
    return route.fulfill({ status: 429, headers: { "Retry-After": "1" }, body: "" });
  });
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("only tried").waitFor();
  await page.getByText("1000 of 1000 rows").waitFor({ timeout: 60_000 });
  check(refused === 2, `the page looked ${refused} times`);
  await page.unroute(ofImport);
  for (const found of await findings(page)) complaints.push(`what is wrong with a file: ${found}`);
  await page.getByRole("link", { name: "Back to the columns" }).click();
  check((await page.getByLabel("What Remark is").inputValue()) === "note", "what was chosen is gone");
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("1000 of 1000 rows").waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: "Import it now" }).click();
  await page.getByText("1000 of 1000 rows").waitFor({ timeout: 60_000 });
  await page.getByText("All rows that failed").waitFor();
  for (const found of await findings(page)) complaints.push(`an import: ${found}`);
  const download = page.waitForEvent("download");
  await page.getByText("All rows that failed").click();
  check(readFileSync(await (await download).path(), "utf8").includes("Wrong,no address"), "the row that failed is in the file");
  await page.getByText("Take it back").first().click();
  await page.locator(".pop[open]").getByRole("button", { name: "Take it back" }).click();
  await page.getByText("999 in the trash").waitFor({ timeout: 60_000 });

  // Duplicates are found, compared, tried and merged.
  await page.getByRole("link", { name: "Duplicates" }).click();
  await page.getByRole("button", { name: "Side by side" }).first().click();
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("What it would be").waitFor();
  await page.getByRole("button", { name: "Merge them" }).click();
  await page.getByText("Merged.").waitFor();
  check((await api("GET", "/directory/contacts/1")).item.note === "Met in Rome", "what was empty was not filled");

  // A tag, and a pipeline whose stages are put in another order by keys.
  await page.getByRole("link", { name: "Tags" }).click();
  await page.getByLabel("Label").last().fill("warm");
  await page.getByRole("button", { name: "Make the tag" }).click();
  await page.getByText("Made.").waitFor();
  await page.getByRole("link", { name: "Pipelines" }).click();
  await page.getByRole("link", { name: "New pipeline" }).click();
  await page.getByLabel("Name (required)").fill("Partners");
  await page.getByLabel("Place of New", { exact: true }).focus();
  await page.keyboard.press("Alt+ArrowDown");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Made.").waitFor();
  check((await page.getByLabel("Label of Proposal").getAttribute("name")) === "stages[0].label", "the stage was not moved");

  // A form gets a field, and loses it once that was asked.
  await page.goto(`${url}/console/settings/forms/contacts`);
  await page.getByLabel(/^Label of the new field/).first().fill("Shoe size");
  await page.getByLabel(/^Type of the new field/).first().selectOption("number");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByLabel("Removal of Shoe size").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("is taken off the form").waitFor();
  for (const found of await findings(page)) complaints.push(`what a form breaks: ${found}`);
  await page.getByRole("button", { name: "Save it all the same" }).click();
  await page.getByText("Saved.").waitFor();

  // A workflow: a status is made, moved with the mouse, and transitions are drawn to it and from it.
  const focusedLabel = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
  await page.getByRole("link", { name: "Case types" }).click();
  await page.getByLabel("Label").fill("Repairs");
  await page.getByRole("button", { name: "Make the case type" }).click();
  await page.getByLabel(/^Label of the new status/).first().fill("Sent back");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  const boxes = page.locator("[data-status]");
  const sent = boxes.filter({ hasText: "Sent back" });
  await sent.scrollIntoViewIfNeeded();
  const grabbed = await sent.boundingBox();
  await page.mouse.move(grabbed.x + grabbed.width / 2, grabbed.y + grabbed.height / 2);
  await page.mouse.down();
  await page.mouse.move(grabbed.x + grabbed.width / 2 + 60, grabbed.y + grabbed.height / 2 + 30, { steps: 4 });
  await page.mouse.up();
  const across = await page.getByLabel("Place across of Sent back").inputValue();
  check(across !== "", "moving a status does not say where it is");
  const connect = async (source, target) => {
    await sent.scrollIntoViewIfNeeded();
    const [from, to] = [await source.locator("[data-handle-of]").boundingBox(), await target.boundingBox()];
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 4 });
    await page.mouse.up();
  };
  const drawn = await page.locator("tr[data-edge]").count();
  const saved = await page.locator('tr[data-edge=""]').count();
  await connect(boxes.first(), sent);
  await page.getByLabel(/^Name of the new transition/).first().fill("Return");
  // More than there are rows for: each gets one.
  for (const [source, target, name] of [[sent, boxes.first(), "Reopen"], [boxes.nth(1), sent, "Third"], [sent, boxes.nth(1), "Fourth"]]) {
    await connect(source, target);
    check((await focusedLabel()).startsWith("Name of the new transition"), `${name} has no row`);
    await page.keyboard.type(name);
  }
  check((await page.locator("tr[data-edge]").count()) === drawn + 2, "four new transitions have no four rows");
  for (const found of await findings(page)) complaints.push(`transitions that are drawn: ${found}`);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  for (const name of ["Return", "Reopen", "Third", "Fourth"]) await page.locator(".graph text", { hasText: name }).first().waitFor();
  check((await page.locator('tr[data-edge=""]').count()) === saved + 4, "a transition was dropped");
  check((await page.getByLabel("Place across of Sent back").inputValue()) === across, "where the status was put is not kept");
  for (const found of await findings(page)) complaints.push(`a workflow: ${found}`);

  // Somebody else saves it first.
  const ofType = new URL(page.url()).pathname.split("/").pop();
  await api("PATCH", `/cases/types/cases/${ofType}`, { label: "Theirs" });
  await page.getByLabel(/^Label of the new status/).first().fill("Mine");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Somebody else changed it meanwhile").waitFor();
  await page.getByRole("link", { name: "Look at theirs" }).waitFor();
  for (const found of await findings(page)) complaints.push(`two people and a workflow: ${found}`);
  check((await page.getByLabel("Label of Mine").inputValue()) === "Mine", "what was drawn is gone");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
}

/** Somebody with an account of the company: signs in at the issuer, is who they are there, and sees the integrations. */
async function asThemselves() {
  await fetch(`${issuer}/gateway/${host}`, { method: "POST" });
  const form = new URLSearchParams({ grant_type: "client_credentials", client_id: "console", client_secret: "console-secret" });
  const token = (await (await fetch(`${issuer}/token`, { method: "POST", body: form })).json()).access_token;
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    await page.goto(`${url}/console/leads`);
    await page.getByRole("link", { name: "Sign in with your account" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(`${url}/console/leads`);
    await page.getByText("Signed in as ada Example").waitFor();
    const tenant = await page.locator(".brand-tenant").innerText();
    const headers = { Authorization: `Bearer ${token}`, "x-tenantid": tenant, "Content-Type": "application/json" };
    const fieldMappings = [{ sourceField: "short_description", targetField: "title" }];
    const map = { clientId: colorScheme, clientName: "Service desk", clientType: "itsm", mappingType: "inbound", configuration: { fieldMappings } };
    const made = await fetch(`${url}/api/v1/ticketing/clientMap`, { method: "POST", headers, body: JSON.stringify(map) });
    check(made.status === 201, `a client map: ${made.status} ${await made.text()}`);
    listen(page);
    await page.getByRole("link", { name: "New lead" }).click();
    await page.getByLabel("Title").fill("Hers");
    await page.getByRole("button", { name: "Make the lead" }).click();
    await page.getByRole("heading", { name: "Hers" }).waitFor();
    const id = new URL(page.url()).pathname.split("/").pop();
    const history = await api("GET", `/pipeline/leads/${id}/history`);
    check(history.items[0].by.id === "ada", `somebody else did it: ${JSON.stringify(history.items[0].by)}`);
    await page.goto(`${url}/console`);
    await page.getByRole("heading", { name: "Yours" }).waitFor();
    for (const found of await findings(page)) complaints.push(`what is theirs, ${colorScheme}: ${found}`);
    await page.getByRole("link", { name: "Integrations" }).click();
    await page.getByRole("link", { name: "Service desk" }).first().waitFor();
    for (const found of await findings(page)) complaints.push(`integrations, ${colorScheme}: ${found}`);
    await page.getByRole("link", { name: "Service desk" }).first().click();
    await page.getByText("short_description").waitFor();
    for (const found of await findings(page)) complaints.push(`an integration, ${colorScheme}: ${found}`);
    const narrow = await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
    check(narrow, "an integration is wider than the window");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(`${url}/console/sign-in`);
    await context.close();
  }
}

/** Somebody who has a part in two tenants chooses one. */
async function inSeveralTenants() {
  await fetch(`${issuer}/gateway/${host}/${otherTenant}`, { method: "POST" });
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme });
    const page = await context.newPage();
    await page.goto(`${url}/console/leads`);
    await page.getByRole("link", { name: "Sign in with your account" }).click();
    await page.getByRole("heading", { name: "Which tenant?" }).waitFor();
    for (const found of await findings(page)) complaints.push(`the choice of a tenant, ${colorScheme}: ${found}`);
    await page.getByRole("link", { name: otherTenant }).click();
    await page.waitForURL(`${url}/console/leads`);
    check((await page.locator(".brand-tenant").innerText()) === otherTenant, "it is another tenant");
    await page.getByText("There are no leads yet.").waitFor();
    await context.close();
  }
}

/** Every page, as axe sees it; nothing is wider than the window. */
async function forEverybody() {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } });
    const page = listen(await context.newPage());
    await page.goto(`${url}/console/sign-in`);
    for (const found of await findings(page)) complaints.push(`sign-in, ${colorScheme}: ${found}`);
    await signIn(page);
    for (const path of pages) {
      await page.goto(`${url}${path}`);
      for (const found of await findings(page)) complaints.push(`${path}, ${colorScheme}: ${found}`);
    }
    check((await page.goto(`${url}/console/settings/webhooks/${webhook}`).then(() => page.getByRole("rowheader").count())) > 0, "there are no deliveries");
    await page.goto(`${url}/console/leads`);
    await page.getByLabel(/^Select /).first().check();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { name: "Delete 1 lead?" }).waitFor();
    for (const found of await findings(page)) complaints.push(`a deletion to confirm, ${colorScheme}: ${found}`);
    await context.close();
    const other = await browser.newContext({ colorScheme });
    const reader = listen(await other.newPage());
    await signIn(reader, secondaryKey);
    const forbidden = await reader.goto(`${url}/console/leads/new`);
    check(forbidden.status() === 403, `who only reads gets ${forbidden.status()}`);
    for (const found of await findings(reader)) complaints.push(`what is forbidden, ${colorScheme}: ${found}`);
    await other.close();
  }
  for (const [width, what] of [[390, "390 pixels"], [640, "200 % zoom"]]) {
    const context = await browser.newContext({ viewport: { width, height: 800 } });
    const page = listen(await context.newPage());
    await signIn(page);
    for (const path of pages) {
      await page.goto(`${url}${path}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > width) complaints.push(`${path} at ${what} is ${wide} wide`);
    }
    // The navigation is shown once somebody asks for it, by keyboard too.
    const main = page.getByRole("navigation", { name: "Main" });
    const top = await page.getByRole("heading", { level: 1 }).evaluate((heading) => heading.getBoundingClientRect().top);
    check(!(await main.isVisible()) && top < 300, `at ${what} the content begins at ${top}`);
    await page.getByRole("link", { name: "Menu", exact: true }).focus();
    await page.keyboard.press("Enter");
    await main.waitFor();
    for (const found of await findings(page)) complaints.push(`the menu at ${what}: ${found}`);
    await page.getByRole("link", { name: "Close the menu" }).click();
    await main.waitFor({ state: "hidden" });
    await context.close();
  }
}

async function withoutScript() {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = listen(await context.newPage());
  await signIn(page);
  await page.goto(`${url}/console/contacts/new`);
  await page.getByRole("textbox", { name: "Name (required)" }).fill("Without script");
  await page.getByRole("button", { name: "Make the contact" }).click();
  await page.getByRole("heading", { name: "Without script" }).waitFor();
  await page.getByRole("link", { name: "Edit" }).click();
  await page.getByLabel("Job title").fill("Writer");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Writer").first().waitFor();
  await page.goto(`${url}/console/board`);
  const card = page.locator(".deal").first();
  const title = await card.getByRole("link").first().innerText();
  await card.getByRole("link", { name: "Move", exact: true }).click();
  await page.getByRole("heading", { name: `Move ${title}` }).waitFor();
  await page.getByRole("combobox", { name: "Stage" }).selectOption({ index: 2 });
  await page.getByRole("button", { name: "Move", exact: true }).click();
  await page.waitForURL(`${url}/console/board`);
  check((await page.locator("[data-stage]").nth(2).locator(".deal").count()) === 1, "the card was not moved");
  await card.getByRole("link", { name: "Move", exact: true }).click();
  await page.getByText("Lost", { exact: true }).first().click();
  await page.getByLabel("Reason").fill("price");
  await page.getByRole("button", { name: "Lost" }).click();
  await page.waitForURL(`${url}/console/board`);
  check((await page.locator(".deal").count()) === 0, "what is lost is still on the board");
  await page.goto(`${url}/console/imports`);
  await page.getByLabel("What the rows are").selectOption("contact");
  await page.getByLabel("File (required)").setInputFiles({ name: "a.csv", mimeType: "text/csv", buffer: Buffer.from("name\nImported without script\n") });
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByRole("button", { name: "Import contacts" }).click();
  for (let tries = 0; (await page.getByText("1 of 1 rows").count()) === 0 || (await page.getByText("Look again").count()) > 0; tries++) {
    check(tries < 100, "the import does not end");
    await page.reload();
  }
  await page.goto(`${url}/console/settings/tags/contacts`);
  await page.getByLabel("Label").last().fill("without script");
  await page.getByRole("button", { name: "Make the tag" }).click();
  await page.getByText("Made.").waitFor();
  await page.goto(`${url}/console/contacts`);
  await page.getByLabel("Select Without script").check();
  const selection = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export them" }).click();
  check(readFileSync(await (await selection).path(), "utf8").includes("Without script"), "the selection is not in the file");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: /^Delete 1 contact/ }).click();
  await page.getByText("It is in the trash").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${url}/console/sign-in`);
  await context.close();
}

/** Texts that attack, in every field that takes any text. */
async function attacked() {
  const ends = ["", "\"", "'", "</title>", "</textarea>", "</script>", "-->", "]]>", "\u202e", "\u2066", "&quot;", "`"];
  const attacks = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>", "<iframe srcdoc='<script>alert(1)</script>'>", "<math><mi//xlink:href='javascript:alert(1)'>",
    "<details open ontoggle=alert(1)>", "<style>*{background:url(//evil.example)}</style>", "<link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<base href=//evil.example>", "<form action=//evil.example><input name=a>",
    "{{constructor.constructor('alert(1)')()}}", "${alert(1)}", "%3Cscript%3Ealert(1)%3C/script%3E", "<body onload=alert(1)>",
    "<input autofocus onfocus=alert(1)>", "<video><source onerror=alert(1)>", "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>", "<x contenteditable onblur=alert(1)>y", "onmouseover=alert(1) x=", "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
  ];
  const texts = attacks.flatMap((attack) => ends.map((end) => `${end}${attack}`));
  check(texts.length === 300, `${texts.length} texts`);
  await api("PATCH", `/settings/webhooks/${webhook}`, { enabled: false });
  const batch = (path, item) => api("POST", `${path}/batch`, { mode: "create", items: texts.map(item) });
  const user = (text) => ({ id: text, name: text, email: text });
  const money = { amount: 1, code: "EUR" };
  await api("PUT", "/pipeline/forms/opportunities", {
    fields: [
      ...(await api("GET", "/pipeline/forms/opportunities")).items.map(({ tenantId, ...field }) => ({ ...field, ...(field.id === "origin" ? { options: [] } : {}) })),
      { id: "own", label: "<b>own</b>\" onclick=alert(1)", category: "custom", type: "text", required: false },
    ],
  });
  const deal = (text) => ({ title: text, note: text, origin: text, owner: user(text), followers: [user(text)], value: money, customFields: { own: text } });
  await batch("/pipeline/leads", deal);
  await batch("/pipeline/opportunities", deal);
  await batch("/directory/contacts", (text) => ({ name: text, note: text, jobTitle: text, owner: user(text), phone: [{ label: text.slice(0, 40), value: text.slice(0, 40) }] }));
  await batch("/directory/organizations", (text) => ({ name: text, note: text, address: text, owner: user(text) }));
  await batch("/cases/cases", (text) => ({ title: text, description: text, owner: user(text), assignee: user(text) }));
  const settings = await attackedSettings(attacks);
  const context = await browser.newContext();
  const page = listen(await context.newPage());
  await signIn(page);
  const seen = new Set();
  for (const records of ["leads", "opportunities", "contacts", "organizations", "cases"]) {
    const title = records === "contacts" || records === "organizations" ? "name" : "title";
    let next = `${url}/console/${records}?size=200&columns=${title},note,description,owner.name,customFields.own,origin,phone,address,assignee.name`;
    while (next) {
      await page.goto(next);
      for (const text of await page.locator("tbody th a").allInnerTexts()) seen.add(`${records} ${text}`);
      const link = page.locator("a[rel=next]");
      next = (await link.count()) ? new URL(await link.getAttribute("href"), url).href : null;
    }
    const first = await page.locator("tbody th a").evaluateAll((links) => links.slice(0, 12).map((link) => link.href));
    for (const href of first) {
      await page.goto(href);
      await page.goto(`${href}/edit`);
    }
  }
  const shown = (text) => text.trim().replace(/\s+/g, " ");
  const missing = texts.filter((text) => ![...seen].some((one) => one === `leads ${shown(text)}`));
  check(missing.length === 0, `not shown as text: ${missing.slice(0, 3).join(" , ")}`);
  const isClean = async (where) => {
    const theirs = await page.locator("img, iframe, object, embed, base, video, math, body style, body link, body meta, [onclick], [onload], [onerror]").count();
    check(theirs === 0, `something of theirs is in ${where}`);
  };
  for (const path of ["/console/board", "/console", "/console/search?q=alert", "/console/leads/new"]) {
    await page.goto(`${url}${path}`);
    await isClean(path);
  }
  // What is in the settings stands there as it was written, in text or in a field.
  for (const [path, text] of settings) {
    await page.goto(`${url}${path}`);
    const isThere = await page.evaluate((text) => {
      const fields = [...document.querySelectorAll("input, textarea, option")].map((field) => `${field.value ?? ""} ${field.textContent}`);
      return `${document.body.textContent} ${fields.join(" ")}`.includes(text);
    }, text);
    check(isThere, `${path} does not show ${text}`);
    await isClean(path);
  }
  // So do the heads of a file, and its name.
  await page.goto(`${url}/console/imports`);
  await page.getByLabel("What the rows are").selectOption("contact");
  const heads = attacks.map((attack) => `"${attack.replaceAll('"', '""')}"`).join(",");
  await page.getByLabel("File (required)").setInputFiles({ name: "<img src=x onerror=alert(1)>.csv", mimeType: "text/csv", buffer: Buffer.from(`name,${heads}\nJane${",x".repeat(attacks.length)}\n`) });
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByRole("button", { name: "Try it" }).waitFor();
  check((await page.locator("body").innerText()).includes(attacks[0]), "the heads of a file are not shown");
  await isClean("the columns of a file");
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("1 of 1 rows").waitFor();
  await isClean("an import");
  await context.close();
}

/** Texts that attack, in the settings and in what is said: pages that show them, each with one of them. */
async function attackedSettings(attacks) {
  const shown = [];
  const post = async (path, body) => (await api("POST", path, body)).item;
  for (const [area, records] of [["pipeline", "leads"], ["pipeline", "opportunities"], ["directory", "contacts"]]) {
    // A comma parts labels.
    for (const label of attacks) await post(`/${area}/tags/${records}`, { label: label.replaceAll(",", "") });
    shown.push([`/console/settings/tags/${records}`, attacks[0]], [`/console/${records}`, attacks[1]], [`/console/${records}/new`, attacks[2]]);
  }
  const pipeline = (await post("/pipeline/pipelines/opportunities", { name: attacks[3], stages: attacks.map((label) => ({ label })) })).id;
  for (const path of ["/console/settings/pipelines", `/console/settings/pipelines/${pipeline}`, `/console/board?pipelineId=${pipeline}`, "/console/opportunities/new"]) {
    shown.push([path, attacks[3]]);
  }
  const status = attacks.map((label, place) => ({ id: `s${place}`, type: "node", position: { x: 200 * (place % 5), y: 90 * Math.floor(place / 5) }, data: { label } }));
  const transition = attacks.map((label, place) => ({ id: `t${place}`, source: "s0", target: `s${(place + 1) % attacks.length}`, label, data: { recordComment: place % 2 === 0 } }));
  const ofType = (await post("/cases/types/cases", { label: attacks[4], workflow: { status, transition } })).id;
  const attackedCase = (await post("/cases/cases", { title: "Attacked", caseTypeId: ofType })).id;
  for (const path of ["/console/settings/case-types", `/console/settings/case-types/${ofType}`, `/console/settings/case-types/${ofType}/form`, "/console/cases/new"]) {
    shown.push([path, attacks[4]]);
  }
  shown.push([`/console/cases/${attackedCase}`, attacks[5]], ["/console", attacks[0]]);
  const options = attacks.map((label, place) => ({ id: `o${place}`, label, color: "#336699" }));
  const field = { id: "attacked", label: attacks[6], category: "custom", type: "tag-picker", required: false, options };
  const plain = { id: "plain", label: attacks[7], category: "custom", type: "dropdown", required: false, options: attacks };
  await addFields("/directory/forms/contacts", field, plain);
  shown.push(["/console/settings/forms/contacts", attacks[6]], ["/console/contacts/new", attacks[8]], ["/console/contacts?columns=customFields.attacked", attacks[6]]);
  for (const name of attacks) await post("/settings/keys", { name, scopes: ["*:read"] });
  for (const description of attacks.slice(0, 20)) {
    await post("/settings/webhooks", { url: "https://example.com/hook", events: ["lead.deleted"], description, enabled: false });
  }
  shown.push(["/console/settings/keys", attacks[9]], ["/console/settings/webhooks", attacks[10]]);
  const { items } = await api("GET", "/settings/webhooks");
  const described = items.find((one) => one.description === attacks[11]);
  shown.push([`/console/settings/webhooks/${described.id}`, attacks[11]]);
  const deal = (await post("/pipeline/opportunities", { title: "Attacked" })).id;
  for (const [place, reasonId] of attacks.entries()) {
    await api("PATCH", `/pipeline/opportunities/${deal}/updateStatus`, { status: "lost", lostReason: { reasonId, comment: reasonId } });
    if (place < attacks.length - 1) await api("PATCH", `/pipeline/opportunities/${deal}/updateStatus`, { status: "open" });
    await post(`/pipeline/opportunities/${deal}/comments`, { comment: reasonId });
    await post(`/cases/cases/${attackedCase}/activities`, { comment: reasonId });
  }
  shown.push([`/console/opportunities/${deal}`, attacks.at(-1)], [`/console/opportunities/${deal}`, attacks[12]], [`/console/cases/${attackedCase}`, attacks[13]]);
  return shown;
}

/** What a browser fetches the first time that it opens each of these pages, with an empty cache: bytes. */
async function weighed() {
  const stages = Array.from({ length: 5 }, (_, place) => ({ label: `Stage ${place + 1}`, key: `k${place}` }));
  const pipeline = (await api("POST", "/pipeline/pipelines/opportunities", { name: "Of a thousand", stages })).item.id;
  for (const { key: stage } of stages) {
    const items = Array.from({ length: 200 }, (_, number) => ({
      title: `${["Seats", "Licences", "A workshop", "Support", "Migration"][number % 5]} for customer ${stage}-${number}`,
      organizationId: String((number % 2) + 1), pipelineId: pipeline, stage, value: { amount: 100 + 37 * number, code: "EUR" },
      owner: { id: `u-${number % 9}`, name: ["Eva Sales", "Bob Sales", "Ada Example"][number % 3] },
    }));
    await api("POST", "/pipeline/opportunities/batch", { mode: "create", items });
  }
  const signed = await browser.newContext();
  await signIn(listen(await signed.newPage()));
  const storageState = await signed.storageState();
  const weights = {};
  const heavy = [];
  for (const [what, path, most] of [
    ["the overview", "/console", 60], ["a board of 1 000 cards", `/console/board?pipelineId=${pipeline}`, 60],
    ["a list of 50", "/console/leads?size=50", 60], ["a record", "/console/leads/1", 60],
  ]) {
    const context = await browser.newContext({ storageState });
    const page = listen(await context.newPage());
    const sizes = [];
    page.on("requestfinished", (request) => sizes.push(request.sizes()));
    await page.goto(`${url}${path}`, { waitUntil: "networkidle" });
    const all = await Promise.all(sizes);
    check(all.length >= 3, `${what} is ${all.length} requests: style and script are not weighed`);
    weights[what] = all.reduce((sum, of) => sum + of.responseHeadersSize + Math.max(of.responseBodySize, 0), 0);
    if (what.startsWith("a board")) check((await page.locator(".deal").count()) === 1_000, "there are not 1 000 cards");
    if (weights[what] > most * 1024) heavy.push(`${what}: ${weights[what]} bytes, and at most ${most} KB`);
    await context.close();
  }
  await signed.close();
  check(heavy.length === 0, heavy.join(", "));
  return Object.entries(weights).map(([what, bytes]) => `${what} ${bytes}`).join(", ");
}

try {
  await fill();
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  await asPeopleGo(context);
  await asThemselves();
  await inSeveralTenants();
  await forEverybody();
  await asAdministratorsGo(context);
  await inPlace();
  await inPlaceInTrouble();
  await inTheirZone();
  await onPaper();
  await byMouse();
  await context.close();
  await withoutScript();
  await attacked();
  const weights = await weighed();
  const reader = listen(await (await browser.newContext()).newPage());
  await signIn(reader, secondaryKey);
  await reader.goto(`${url}/console/leads`);
  check((await reader.getByRole("link", { name: "New lead" }).count()) === 0, "who only reads is offered to write");
  // What the policy refuses and what failed to load is told on the console.
  check(complaints.length === 0, complaints.join("\n"));
  console.log(`went through the console: ${pages.length} pages in both colour modes, 300 texts; bytes with an empty cache: ${weights}`);
} catch (error) {
  console.error(complaints.join("\n"));
  throw error;
} finally {
  await browser.close();
}
