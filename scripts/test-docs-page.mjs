// Drives a real browser through /docs. Run by scripts/test-docs-page, in the folder that has playwright-core.
//
//   node test-docs-page.mjs URL KEY CHROMIUM [SCREENSHOT]
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");

const [url, key, executablePath, screenshot] = process.argv.slice(2);
const host = new URL(url).host;
const complaints = [];

function check(condition, message) {
  if (!condition) throw new Error(message);
}

// Chromium refuses its sandbox to root, which is who runs CI.
const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
const browser = await chromium.launch({ executablePath, args });
try {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  page.on("request", (request) => {
    const asked = new URL(request.url());
    if (!["data:", "blob:"].includes(asked.protocol) && asked.host !== host) complaints.push(`asks ${asked.host}`);
  });

  const answer = await page.goto(`${url}/docs`);
  check(answer.status() === 200, `/docs answers ${answer.status()}`);
  const policy = answer.headers()["content-security-policy"] ?? "";
  check(policy.includes("default-src 'none'"), `the policy is ${policy}`);
  await page.getByRole("heading", { name: /^CRM API/ }).waitFor();

  // The key is entered once…
  const authorize = async () => {
    await page.locator(".auth-wrapper .authorize").first().click();
    // The dialog has a part for each way to authenticate.
    return page.locator(".modal-ux .auth-container", { hasText: "Ocp-Apim-Subscription-Key" });
  };
  const dialog = await authorize();
  await dialog.locator("input").fill(key);
  await dialog.locator("button.authorize").click();
  await dialog.getByRole("button", { name: "Close" }).click();
  // …and is there again after the page was loaded anew.
  await page.reload();
  const again = await authorize();
  await again.getByRole("button", { name: "Remove authorization" }).waitFor();
  await again.getByRole("button", { name: "Close" }).click();

  // A lead is made by "Try it out", with the key from above.
  await page.locator("#operations-tag-Leads").click();
  const operation = page.locator(".opblock-post", { has: page.locator('[data-path="/pipeline/leads"]') });
  await operation.locator(".opblock-summary").click();
  const title = `Made in a browser at ${new Date().toISOString()}`;
  await operation.locator("textarea.body-param__text").fill(JSON.stringify({ title, leadRating: "3_hot" }, null, 2));
  const response = page.waitForResponse((response) => response.request().method() === "POST");
  await operation.getByRole("button", { name: "Execute" }).click();
  const made = await response;
  check(made.status() === 201, `creating a lead answers ${made.status()}: ${await made.text()}`);
  check((await made.json()).item.title === title, "the lead has another title");
  const shown = operation.locator(".live-responses-table tbody .response-col_status").first();
  check((await shown.innerText()).startsWith("201"), "the page does not show the 201");

  if (screenshot) {
    await operation.locator(".opblock-summary").click();
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({ path: screenshot });
  }
  // Behind a proxy that puts a prefix before every path, the page asks below that prefix. The key is still there.
  await page.route(`${url}/crm/**`, async (route) => {
    const answer = await route.fetch({ url: route.request().url().replace("/crm/", "/") });
    await route.fulfill({ response: answer });
  });
  await page.goto(`${url}/crm/docs`);
  await page.locator("#operations-tag-Leads").click();
  const list = page.locator("#operations-Leads-list_leads");
  await list.locator(".opblock-summary").click();
  const listed = page.waitForResponse((response) => response.url().includes("/pipeline/leads"));
  await list.getByRole("button", { name: "Execute" }).click();
  const found = await listed;
  check(found.url().startsWith(`${url}/crm/pipeline/leads`), `behind a prefix the page asks ${found.url()}`);
  check(found.status() === 200, `listing leads answers ${found.status()}`);

  // What the policy refuses and what failed to load is told on the console.
  check(complaints.length === 0, complaints.join("\n"));
  console.log("opened /docs, entered a key, made a lead: 201");
} finally {
  await browser.close();
}
