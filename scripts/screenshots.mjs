// Takes pictures of the console. Run by scripts/screenshots, in the folder that has playwright-core.
//
//   node screenshots.mjs URL KEY CHROMIUM FOLDER
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const [url, key, executablePath, folder] = process.argv.slice(2);

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
  forms: "/console/settings/forms/contacts",
  "case-types": "/console/settings/case-types",
  workflow: "/console/settings/case-types/1",
  webhooks: "/console/settings/webhooks",
  keys: "/console/settings/keys",
};

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
    await context.close();
  }
} finally {
  await browser.close();
}
