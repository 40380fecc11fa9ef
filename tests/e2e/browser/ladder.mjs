// Plays a ladder in Chromium over a network that is narrow and wide in turn: node ladder.mjs hls|dash URL [--turns N] [--narrow KBPS]
// [--stall MS]. After each turn it waits for the player to have come to the smallest or the largest rendition. Prints one line of JSON: the
// heights that were shown, how often they changed, the longest stall. Exits 0 when each turn was followed and nothing stalled for longer.
import { createRequire } from "node:module";
import { join } from "node:path";
import { openChromium } from "./chromium.mjs";

const require = createRequire(import.meta.url);
const [kind, url, ...options] = process.argv.slice(2);
const option = (name, other) => (options.includes(name) ? Number(options[options.indexOf(name) + 1]) : other);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const turns = option("--turns", 4);
const narrowKbps = option("--narrow", 400);
const stallMs = option("--stall", 2000 * patience);
const START_MS = 40000 * patience;
const TURN_MS = 60000 * patience;
const SCRIPTS = {
  hls: join(process.env.WEB_ROOT ?? "build/release/web", "hls.min.js"), dash: join(require.resolve("dashjs"), "../../umd/dash.all.min.js"),
};

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const begin = ({ kind, url }) => {
  const video = document.querySelector("video");
  window.problems = [];
  window.heights = [];
  video.addEventListener("resize", () => window.heights.push(video.videoHeight));
  if (kind === "hls") {
    const player = new window.Hls({ abrEwmaFastLive: 1, abrEwmaSlowLive: 3 });
    player.on(window.Hls.Events.ERROR, (_event, data) => {
      const at = data.frag ? ` of ${data.frag.level}/${data.frag.sn}` : "";
      window.problems.push(`${data.details}${data.fatal ? " (fatal)" : ""}${at}${data.error ? `: ${data.error.message}` : ""}`);
    });
    player.on(window.Hls.Events.MANIFEST_PARSED, () => video.play());
    player.loadSource(url);
    player.attachMedia(video);
  } else {
    const player = window.dashjs.MediaPlayer().create();
    player.on("error", (event) => window.problems.push(JSON.stringify(event.error?.message ?? event.error)));
    player.initialize(video, url, true);
  }
};

const sample = () => {
  const video = document.querySelector("video");
  return { time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, height: video.videoHeight };
};

const browser = await openChromium();
let page = null;
let longest = 0;
let last = { time: 0, frames: 0, height: 0 };
let moved = Date.now();

async function look() {
  const now = await page.evaluate(sample);
  if (now.frames > last.frames) moved = Date.now();
  longest = Math.max(longest, Date.now() - moved);
  last = now;
  return now;
}

async function until(what, holds, ms) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    if (holds(await look())) return;
    await wait(100);
  }
  throw new Error(`${what} did not come; it is ${last.height}; problems: ${await page.evaluate(() => window.problems.join(", "))}`);
}

try {
  page = await browser.newPage();
  const network = await page.context().newCDPSession(page);
  await network.send("Network.enable");
  const limit = (kbps) => network.send("Network.emulateNetworkConditions", {
    offline: false, latency: kbps ? 20 : 0, downloadThroughput: kbps ? (kbps * 1000) / 8 : -1, uploadThroughput: -1,
  });
  await page.setContent("<video muted></video>");
  await page.addScriptTag({ path: SCRIPTS[kind] });
  await page.evaluate(begin, { kind, url });
  await page.waitForFunction(() => document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames > 0, undefined, { timeout: START_MS });
  moved = Date.now();
  await until("the largest", (now) => now.height === option("--largest", 360), START_MS);
  longest = 0;
  for (let turn = 0; turn < turns; turn += 1) {
    const down = turn % 2 === 0;
    await limit(down ? narrowKbps : 0);
    const wanted = down ? option("--smallest", 120) : option("--largest", 360);
    await until(`turn ${turn}: height ${wanted}`, (now) => now.height === wanted, TURN_MS);
    await until("a second of it", ((from) => (now) => now.time >= from + 1)(last.time), TURN_MS);
  }
  const { heights, problems } = await page.evaluate(() => ({ heights: window.heights, problems: window.problems }));
  const switches = heights.filter((height, i) => i > 0 && height !== heights[i - 1]).length;
  console.log(JSON.stringify({ kind, turns, switches, heights: [...new Set(heights)].sort((a, b) => a - b), longest, problems: [...new Set(problems)] }));
  if (problems.some((problem) => problem.includes("fatal"))) throw new Error("a fatal error");
  if (longest > stallMs) throw new Error(`stalled for ${longest} ms`);
} catch (error) {
  console.log(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
