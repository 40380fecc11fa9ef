// Plays a stream with hls.js as it comes and says four times a second what it does, as JSON, until its input ends:
// node follow.mjs WATCH_URL HLS_URL. The watch page is only where hls.js comes from.
import { chromium } from "playwright-core";

const [watchUrl, hlsUrl] = process.argv.slice(2);
const SAMPLE_MS = 250;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
];

const start = (url) => {
  document.querySelectorAll("video").forEach((old) => old.remove());
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const player = new Hls();
  window.probe = { video, player, fatal: [], loaded: { main: 0, audio: 0 } };
  player.on(Hls.Events.ERROR, (_event, data) => { if (data.fatal) window.probe.fatal.push(data.details); });
  // Parts, or where the list has none segments.
  player.on(Hls.Events.FRAG_LOADED, (_event, data) => {
    const parts = player.levels[data.frag.level]?.details?.partList;
    if (data.part || !parts) window.probe.loaded[data.frag.type] += 1;
  });
  player.on(Hls.Events.MANIFEST_PARSED, () => video.play());
  player.loadSource(url);
  player.attachMedia(video);
};

const sample = () => {
  const { video, player, fatal, loaded } = window.probe;
  return {
    time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, sound: video.webkitAudioDecodedByteCount, fatal, loaded,
    latency: player.latency,
  };
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS, ignoreDefaultArgs: ["--headless=old"], headless: true,
});
const page = await browser.newPage();
await page.goto(watchUrl, { waitUntil: "load", timeout: 90000 });
await page.evaluate(start, hlsUrl);
const timer = setInterval(async () => {
  const now = await page.evaluate(sample).catch(() => null);
  if (now) console.log(JSON.stringify(now));
}, SAMPLE_MS);
process.stdin.resume();
process.stdin.on("end", async () => {
  clearInterval(timer);
  await browser.close();
});
