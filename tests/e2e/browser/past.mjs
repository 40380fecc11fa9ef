// Goes back and forth on a watch page in Chromium: node past.mjs URL. By the bar to the beginning of what there is, by the button back to live.
// The last line says as JSON what was seen.
import { openChromium } from "./chromium.mjs";

const [url] = process.argv.slice(2);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const STEP_MS = 40000 * patience;

const state = () => ({
  state: document.getElementById("state").dataset.state, place: document.getElementById("past-place").textContent,
  date: Number(document.getElementById("past").value), begin: Number(document.getElementById("past").min), end: Number(document.getElementById("past").max),
  button: !document.getElementById("to-live").hidden, time: document.querySelector("video").currentTime,
});

const browser = await openChromium();
try {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && message.text().includes("Content Security Policy") && problems.push(message.text()));
  await page.goto(url, { waitUntil: "load", timeout: STEP_MS });
  const plays = async (as) => {
    await page.waitForFunction((wanted) => document.getElementById("state").dataset.state === wanted, as, { timeout: STEP_MS });
    const from = await page.evaluate(() => document.querySelector("video").currentTime);
    await page.waitForFunction((at) => document.querySelector("video").currentTime > at + 1.5, from, { timeout: STEP_MS });
    return page.evaluate(state);
  };
  await plays("live");
  await page.waitForFunction(() => !document.getElementById("past").parentElement.hidden, undefined, { timeout: STEP_MS });
  const live = await page.evaluate(state);
  const go = (share) => page.evaluate((to) => {
    const bar = document.getElementById("past");
    bar.value = String(Number(bar.min) + (Number(bar.max) - Number(bar.min)) * to);
    bar.dispatchEvent(new Event("input"));
    bar.dispatchEvent(new Event("change"));
  }, share);
  await go(0.05);
  const past = await plays("past");
  await go(0.4);
  await page.waitForFunction((from) => Number(document.getElementById("past").value) > from + 8000, past.date, { timeout: STEP_MS });
  const nearer = await plays("past");
  await page.click("#to-live");
  const back = await plays("live");
  console.log(JSON.stringify({ live, past, nearer, back, problems }));
} finally {
  await browser.close();
}
