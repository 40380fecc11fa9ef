// node docs.mjs URL: Chromium shows the API's description: every operation, and the page's policy blocks nothing that it needs.
import { openChromium } from "./chromium.mjs";

const url = process.argv[2];
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const browser = await openChromium();
const problems = [];
try {
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => !request.url().startsWith("data:") && new URL(request.url()).origin !== new URL(url).origin && problems.push(`asks ${request.url()}`));
  await page.goto(url);
  await page.waitForSelector(".opblock", { timeout: 30000 * patience });
  console.log(`${await page.locator(".opblock").count()} operations shown`);
} finally {
  await browser.close();
}
for (const problem of problems) console.log(problem);
process.exit(problems.length ? 1 : 0);
