// Plays a stream with hls.js or dash.js as it comes and says four times a second what it does, as JSON, until its input ends:
// node follow.mjs WATCH_URL URL, dash.js where that is an MPD. The watch page is only where hls.js comes from. After what they call fatal
// it does what both ask of an application: hls.js loads again, dash.js fetches the MPD again.
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [watchUrl, url] = process.argv.slice(2);
const isDash = new URL(url).pathname.endsWith(".mpd");
const SAMPLE_MS = 250;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
];

const startDash = (source) => {
  const video = document.querySelector("video");
  const player = window.dashjs.MediaPlayer().create();
  window.probe = { video, player: { get latency() { return player.getCurrentLiveLatency(); } }, fatal: [], loaded: { main: 0, audio: 0 } };
  player.on("error", (event) => {
    window.probe.fatal.push(String(event.error?.message ?? event.error));
    setTimeout(() => player.refreshManifest(), 1000);
  });
  player.on("fragmentLoadingCompleted", (event) => {
    if (!event.error && event.request.type === "MediaSegment") window.probe.loaded[event.mediaType === "audio" ? "audio" : "main"] += 1;
  });
  player.initialize(video, source, true);
};

const start = (url) => {
  document.querySelectorAll("video").forEach((old) => old.remove());
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const player = new Hls();
  window.probe = { video, player, fatal: [], loaded: { main: 0, audio: 0 } };
  player.on(Hls.Events.ERROR, (_event, data) => {
    if (!data.fatal) return;
    window.probe.fatal.push(data.details);
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR) setTimeout(() => player.startLoad(), 1000);
  });
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
if (isDash) {
  await page.setContent("<video muted></video>");
  // The package's exports lead to its module only.
  await page.addScriptTag({ path: join(createRequire(import.meta.url).resolve("dashjs"), "../../umd/dash.all.min.js") });
} else {
  await page.goto(watchUrl, { waitUntil: "load", timeout: 90000 });
}
await page.evaluate(isDash ? startDash : start, url);
const timer = setInterval(async () => {
  const now = await page.evaluate(sample).catch(() => null);
  if (now) console.log(JSON.stringify(now));
}, SAMPLE_MS);
process.stdin.resume();
process.stdin.on("end", async () => {
  clearInterval(timer);
  await browser.close();
});
