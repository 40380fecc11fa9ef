// Plays a watch page in Chromium: node watch.mjs URL [seconds]. Prints one line; exits 0 when decoded frames rose all the
// time, sound was decoded too, and nothing stalled for the given seconds (20).
import { openChromium } from "./chromium.mjs";

const [url, secondsText] = process.argv.slice(2);
const seconds = Number(secondsText ?? 20);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
// No new frame and no new time for this long is a stall.
const STALL_MS = 2000 * patience;
const START_MS = 30000 * patience;
const SAMPLE_MS = 250;

const sample = () => {
  const video = document.querySelector("video");
  const quality = video.getVideoPlaybackQuality();
  return {
    time: video.currentTime, sound: video.webkitAudioDecodedByteCount, frames: quality.totalVideoFrames, dropped: quality.droppedVideoFrames,
    width: video.videoWidth, height: video.videoHeight, paused: video.paused,
    state: document.querySelector("#state")?.dataset.state,
    said: ["delay", "buffer", "dropped"].map((id) => document.getElementById(id)?.textContent ?? "").join(", "),
  };
};

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function measure(page) {
  const first = await page.evaluate(sample);
  const end = Date.now() + seconds * 1000;
  let last = first;
  let moved = Date.now();
  let longest = 0;
  while (Date.now() < end) {
    await wait(SAMPLE_MS);
    const now = await page.evaluate(sample);
    if (now.frames > last.frames && now.time > last.time) {
      moved = Date.now();
      last = now;
    }
    longest = Math.max(longest, Date.now() - moved);
    if (longest > STALL_MS) throw new Error(`stalled for ${longest} ms at ${now.time.toFixed(2)} s, ${now.frames} frames, page says ${now.state}`);
  }
  return { first, last, longest };
}

async function watch(browser) {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    // What the page's policy forbids is a fault of the page; a playlist that is not there yet is not.
    if (message.type() === "error" && message.text().includes("Content Security Policy")) problems.push(message.text());
  });
  await page.goto(url, { waitUntil: "load", timeout: START_MS });
  await page.waitForFunction(() => {
    const video = document.querySelector("video");
    return video && !video.paused && video.currentTime > 0 && video.getVideoPlaybackQuality().totalVideoFrames > 0;
  }, undefined, { timeout: START_MS });
  // How near to live it plays is settled first: a player that is too near waits once.
  const settled = await page.evaluate(() => document.querySelector("video").currentTime + 3);
  await page.waitForFunction((time) => document.querySelector("video").currentTime >= time, settled, { timeout: START_MS });
  const result = await measure(page);
  if (problems.length > 0) throw new Error(`page errors: ${problems.join("; ")}`);
  return result;
}

const browser = await openChromium();
try {
  const { first, last, longest } = await watch(browser);
  const frames = last.frames - first.frames;
  const dropped = last.dropped - first.dropped;
  const played = last.time - first.time;
  console.log(`played ${played.toFixed(1)} s of ${last.width}x${last.height} in ${seconds} s: ${frames} frames, ${dropped} dropped, ` +
    `longest pause ${longest} ms, page says ${last.state}, ${last.said}`);
  // Slow machines drop frames; time that does not pass is a stall however it is spread.
  if (played < seconds * 0.9) throw new Error(`only ${played.toFixed(1)} s played`);
  if (!(last.sound > first.sound)) throw new Error(`no sound was decoded: ${first.sound} and then ${last.sound} bytes`);
  // Behind live, buffer, dropped frames.
  if (!/^[\d.]+ s, [\d.]+ s, \d+ of \d+$/.test(last.said)) throw new Error(`the page's figures: ${last.said}`);
  if (last.state !== "live") throw new Error(`the page says ${last.state}`);
} catch (error) {
  console.log(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
