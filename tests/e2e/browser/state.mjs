// Waits for a watch page in Chromium to show a state: node state.mjs URL STATE. Prints the page's message; exits 0 when the
// state came and was still there after some seconds.
import { openChromium } from "./chromium.mjs";

const [url, state] = process.argv.slice(2);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const START_MS = 30000 * patience;
const STAY_MS = 5000;

const browser = await openChromium();
try {
  const page = await browser.newPage();
  await page.goto(url, { waitUntil: "load", timeout: START_MS });
  const shown = (wanted) => document.querySelector("#state")?.dataset.state === wanted;
  await page.waitForFunction(shown, state, { timeout: START_MS });
  await new Promise((done) => setTimeout(done, STAY_MS));
  const there = await page.evaluate(shown, state);
  console.log(await page.evaluate(() => document.querySelector("#message").textContent));
  process.exitCode = there ? 0 : 1;
} finally {
  await browser.close();
}
