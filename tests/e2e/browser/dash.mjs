// Plays a DASH manifest with dash.js in Chromium: node dash.mjs URL [--seconds N] [--stall MS] [--until-end] [--back]. Prints one
// line of JSON: what was played, the longest stall, the latency that dash.js reports, the Periods that were seen. Exits 0 when nothing
// stalled for longer, or where asked to play until the end, when that came.
import { createRequire } from "node:module";
import { join } from "node:path";
import { openChromium } from "./chromium.mjs";

// The package's exports lead to its module only.
const DASH_JS = join(createRequire(import.meta.url).resolve("dashjs"), "../../umd/dash.all.min.js");

const [url, ...options] = process.argv.slice(2);
const option = (name, other) => (options.includes(name) ? Number(options[options.indexOf(name) + 1]) : other);
const seconds = option("--seconds", 20);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const stallMs = option("--stall", 2000 * patience);
const untilEnd = options.includes("--until-end");
const back = options.includes("--back");  // to the beginning of what there is, before it counts
const START_MS = 40000 * patience;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const begin = (source) => {
  window.problems = [];
  window.ended = false;
  window.periods = [];
  const video = document.querySelector("video");
  const player = window.dashjs.MediaPlayer().create();
  player.on("error", (event) => window.problems.push(JSON.stringify(event.error?.message ?? event.error)));
  player.on("periodSwitchCompleted", (event) => window.periods.push(event.toStreamInfo?.id));
  video.addEventListener("ended", () => (window.ended = true));
  // All settings are its own: what it is to do stands in the manifest.
  player.initialize(video, source, true);
  window.player = player;
};

const sample = () => {
  const video = document.querySelector("video");
  const quality = video.getVideoPlaybackQuality();
  return {
    time: video.currentTime, frames: quality.totalVideoFrames, dropped: quality.droppedVideoFrames, width: video.videoWidth,
    sound: video.webkitAudioDecodedByteCount, latency: window.player.getCurrentLiveLatency(), target: window.player.getTargetLiveDelay(),
    rate: video.playbackRate, ended: window.ended, problems: window.problems, periods: window.periods,
  };
};

const browser = await openChromium();
const requests = [];
try {
  const page = await browser.newPage();  // of no origin: what it may read, any page may
  page.on("response", (answer) => answer.status() >= 400 && requests.push(`${answer.status()} ${answer.url()}`));
  await page.setContent("<video muted></video>");
  await page.addScriptTag({ path: DASH_JS });
  await page.evaluate(begin, url);
  await page.waitForFunction(() => document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames > 0, undefined,
    { timeout: START_MS });
  const edge = await page.evaluate(() => document.querySelector("video").currentTime);
  if (back) {
    await page.evaluate(() => window.player.seek(1));
    await page.waitForFunction((from) => {
      const video = document.querySelector("video");
      return video.currentTime < from - 5 && !video.seeking && video.readyState >= 3;
    }, edge, { timeout: START_MS });
  }
  const first = await page.evaluate(sample);
  let last = first;
  let moved = Date.now();
  let longest = 0;
  const latencies = [];
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end && !last.ended) {
    await wait(250);
    const now = await page.evaluate(sample);
    if (now.frames > last.frames || now.ended) moved = Date.now();
    longest = Math.max(longest, Date.now() - moved);
    latencies.push(now.latency);
    last = now;
  }
  latencies.sort((a, b) => a - b);
  console.log(JSON.stringify({
    played: last.time - first.time, seconds, frames: last.frames - first.frames, dropped: last.dropped - first.dropped, width: last.width,
    sound: last.sound - first.sound, longest, latency: latencies[Math.floor(latencies.length / 2)], target: last.target, ended: last.ended,
    behind: edge - first.time, periods: last.periods, problems: last.problems, refused: requests,
  }));
  if (untilEnd && !last.ended) throw new Error("the end did not come");
  if (!untilEnd && longest > stallMs) throw new Error(`stalled for ${longest} ms`);
} catch (error) {
  console.log(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
