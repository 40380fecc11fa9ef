// Plays a live stream with its past with hls.js in Chromium: node dvr.mjs WATCH_URL PLAYLIST_URL. The watch page is only where hls.js comes from.
// It plays at the live edge, goes back to the beginning of the window, plays there, and goes back to live. The last line says as JSON what was seen.
import { chromium } from "playwright-core";

const [watchUrl, playlistUrl] = process.argv.slice(2);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const STEP_MS = 40000 * patience;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
];

const start = (url) => {
  document.querySelectorAll("video").forEach((old) => old.remove());
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const player = new Hls();
  window.probe = { video, player, errors: [], loaded: [] };
  player.on(Hls.Events.ERROR, (_event, data) => window.probe.errors.push(`${data.details}${data.fatal ? " (fatal)" : ""}`));
  player.on(Hls.Events.FRAG_LOADED, (_event, data) => window.probe.loaded.push(data.frag.sn));
  player.on(Hls.Events.MANIFEST_PARSED, () => video.play());
  player.loadSource(url);
  player.attachMedia(video);
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS, ignoreDefaultArgs: ["--headless=old"], headless: true,
});
try {
  const page = await browser.newPage();
  let deltas = 0;
  page.on("response", (answer) => { deltas += answer.ok() && answer.url().includes("dvr.m3u8?_HLS_skip="); });
  await page.goto(watchUrl, { waitUntil: "load", timeout: STEP_MS });
  await page.evaluate(start, playlistUrl);
  const plays = async () => {
    const from = await page.evaluate(() => window.probe.video.currentTime);
    await page.waitForFunction((at) => window.probe.video.currentTime >= at + 2 && !window.probe.video.seeking, from, { timeout: STEP_MS });
  };
  await page.waitForFunction(() => window.probe.video.currentTime > 0 && window.probe.video.seekable.length > 0, undefined, { timeout: STEP_MS });
  await plays();
  const state = () => page.evaluate(() => ({ time: window.probe.video.currentTime, begin: window.probe.video.seekable.start(0), end: window.probe.video.seekable.end(0) }));
  const live = await state();
  await page.evaluate(() => { window.probe.video.currentTime = window.probe.video.seekable.start(0) + 1; });
  await plays();
  const past = await state();
  const lowest = await page.evaluate(() => Math.min(...window.probe.loaded));
  await page.evaluate(() => { window.probe.video.currentTime = window.probe.player.liveSyncPosition; });
  await plays();
  const back = await state();
  const errors = await page.evaluate(() => window.probe.errors);
  console.log(JSON.stringify({ live, past, back, lowest, deltas, errors }));
} finally {
  await browser.close();
}
