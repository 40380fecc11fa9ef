// Plays a finished recording with hls.js in Chromium: node vod.mjs WATCH_URL PLAYLIST_URL. The watch page is only where hls.js comes from.
// It plays from the beginning, seeks, and plays to the end. The last line says as JSON what was seen.
import { chromium } from "playwright-core";

const [watchUrl, playlistUrl] = process.argv.slice(2);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const STEP_MS = 30000 * patience;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
];

const start = (url) => {
  document.querySelectorAll("video").forEach((old) => old.remove());
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const player = new Hls();
  window.probe = { video, player, errors: [] };
  player.on(Hls.Events.ERROR, (_event, data) => window.probe.errors.push(`${data.details}${data.fatal ? " (fatal)" : ""}`));
  player.on(Hls.Events.MANIFEST_PARSED, () => video.play());
  player.loadSource(url);
  player.attachMedia(video);
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS, ignoreDefaultArgs: ["--headless=old"], headless: true,
});
try {
  const page = await browser.newPage();
  await page.goto(watchUrl, { waitUntil: "load", timeout: STEP_MS });
  await page.evaluate(start, playlistUrl);
  const reached = (time) => page.waitForFunction((at) => window.probe.video.currentTime >= at, time, { timeout: STEP_MS });
  await reached(2);
  await page.evaluate(() => { window.probe.video.currentTime = window.probe.video.duration - 4; });
  await page.waitForFunction(() => window.probe.video.ended, undefined, { timeout: STEP_MS });
  const seen = await page.evaluate(() => {
    const { video, player, errors } = window.probe;
    return {
      duration: video.duration, time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, sound: video.webkitAudioDecodedByteCount,
      audioTracks: player.audioTracks.length, errors, version: Hls.version,
    };
  });
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
