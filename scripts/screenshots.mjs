// Takes pictures of the console. Run by scripts/screenshots, in the folder that has playwright-core.
//
//   node screenshots.mjs URL KEY CHROMIUM FOLDER
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const [url, key, executablePath, folder] = process.argv.slice(2);

// Something for each page to show.
const ask = async (method, path, body) => {
  const headers = { "Ocp-Apim-Subscription-Key": key, "Content-Type": "application/json" };
  const answer = await fetch(`${url}${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
};
const hook = { url: "https://hooks.example.com/crm", description: "Tells the newsletter", events: ["lead.created", "contact.updated"] };
const webhook = (await ask("POST", "/settings/webhooks", hook)).item.id;
await ask("POST", "/pipeline/leads", { title: "A lead to tell of" });
const pipeline = (await ask("GET", "/pipeline/pipelines/opportunities")).items[0].id;
for (const path of ["/pipeline/leads/2", "/directory/contacts/3", "/cases/cases/2"]) await ask("DELETE", path);

const pages = {
  overview: "/console",
  board: "/console/board",
  leads: "/console/leads",
  opportunities: "/console/opportunities",
  contacts: "/console/contacts",
  organizations: "/console/organizations",
  cases: "/console/cases",
  search: "/console/search?q=an",
  lead: "/console/leads/1",
  opportunity: "/console/opportunities/1",
  contact: "/console/contacts/1",
  organization: "/console/organizations/1",
  case: "/console/cases/1",
  new: "/console/leads/new",
  edit: "/console/leads/1/edit",
  duplicates: "/console/contacts/duplicates",
  compare: "/console/contacts/compare?id=1&id=2",
  imports: "/console/imports",
  trash: "/console/trash",
  tags: "/console/settings/tags/leads",
  pipelines: "/console/settings/pipelines",
  pipeline: `/console/settings/pipelines/${pipeline}`,
  "new-pipeline": "/console/settings/pipelines/new",
  forms: "/console/settings/forms/contacts",
  "case-types": "/console/settings/case-types",
  workflow: "/console/settings/case-types/1",
  "case-form": "/console/settings/case-types/1/form",
  webhooks: "/console/settings/webhooks",
  webhook: `/console/settings/webhooks/${webhook}`,
  keys: "/console/settings/keys",
  error: "/console/leads/999999",
};
const people = "name,email,Company,Remark\nAda King,ada@example.com,Analytical Engines,Met at the fair\nJean Bartik,jean@example.org,ENIAC,\n";

const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
const browser = await chromium.launch({ executablePath, args });
try {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.goto(`${url}/console/sign-in`);
    await page.screenshot({ path: `${folder}/console-sign-in-${colorScheme}.png` });
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(`${url}/console`);
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(`${url}${path}`);
      await page.screenshot({ path: `${folder}/console-${name}-${colorScheme}.png` });
    }
    await page.goto(`${url}/console/imports`);
    await page.getByLabel("What the rows are").selectOption("contact");
    await page.getByLabel("File (required)").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(people) });
    await page.getByRole("button", { name: "Look at it" }).click();
    await page.getByRole("button", { name: "Try it" }).waitFor();
    await page.screenshot({ path: `${folder}/console-columns-${colorScheme}.png` });
    await page.getByRole("button", { name: "Try it" }).click();
    await page.getByText("2 of 2 rows").waitFor();
    await page.screenshot({ path: `${folder}/console-import-${colorScheme}.png` });
    await context.close();
  }
} finally {
  await browser.close();
}
