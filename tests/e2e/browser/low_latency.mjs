// Plays a stream with hls.js in low-latency mode: node low_latency.mjs WATCH_URL HLS_URL [seconds]. The watch page is only where hls.js
// comes from. The last line says as JSON how far the picture was behind its program date; exits 0 when nothing stalled.
import { openChromium } from "./chromium.mjs";

const [watchUrl, hlsUrl, secondsText] = process.argv.slice(2);
const seconds = Number(secondsText ?? 12);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const START_MS = 30000 * patience;
const STALL_MS = 2000 * patience;
const SAMPLE_MS = 250;

const start = (url) => {
  document.querySelectorAll("video").forEach((old) => old.remove());
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const player = new Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.5 });
  window.probe = { video, player, errors: [], parts: 0, reloads: 0 };
  player.on(Hls.Events.ERROR, (_event, data) => window.probe.errors.push(`${data.details}${data.fatal ? " (fatal)" : ""}`));
  player.on(Hls.Events.FRAG_LOADED, (_event, data) => { if (data.part) window.probe.parts += 1; });
  player.on(Hls.Events.LEVEL_LOADED, () => { window.probe.reloads += 1; });
  player.on(Hls.Events.MANIFEST_PARSED, () => video.play());
  player.loadSource(url);
  player.attachMedia(video);
};

const sample = () => {
  const { video, player, errors, parts, reloads } = window.probe;
  const date = player.playingDate;
  return {
    time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, errors, parts, reloads, date: date ? date.getTime() : null,
    behind: date ? Date.now() - date.getTime() : null, latency: player.latency, target: player.targetLatency, version: Hls.version,
  };
};

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function measure(page) {
  const end = Date.now() + seconds * 1000;
  const behind = [];
  let last = await page.evaluate(sample);
  let moved = Date.now();
  let longest = 0;
  while (Date.now() < end) {
    await wait(SAMPLE_MS);
    const now = await page.evaluate(sample);
    if (now.frames > last.frames && now.time > last.time) moved = Date.now();
    longest = Math.max(longest, Date.now() - moved);
    if (longest > STALL_MS) throw new Error(`stalled for ${longest} ms; errors: ${now.errors}`);
    if (now.behind !== null) behind.push(now.behind);
    last = now;
  }
  behind.sort((a, b) => a - b);
  return { last, longest, behind };
}

const browser = await openChromium();
try {
  const page = await browser.newPage();
  await page.goto(watchUrl, { waitUntil: "load", timeout: START_MS });
  await page.evaluate(start, hlsUrl);
  await page.waitForFunction(() => window.probe.video.currentTime > 0 && window.probe.parts > 0, undefined, { timeout: START_MS });
  await wait(3000 * patience);
  const { last, longest, behind } = await measure(page);
  const median = behind[Math.floor(behind.length / 2)];
  console.log(`hls.js ${last.version}: ${last.parts} parts, ${last.reloads} playlists, longest pause ${longest} ms, target latency ` +
    `${last.target.toFixed(2)} s, own figure ${last.latency.toFixed(2)} s, errors: ${last.errors.join(", ") || "none"}`);
  if (last.errors.some((error) => error.includes("fatal"))) throw new Error("a fatal error");
  if (last.parts < seconds) throw new Error(`only ${last.parts} parts were loaded`);
  console.log(JSON.stringify({ latency_ms: median }));
} catch (error) {
  console.log(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
