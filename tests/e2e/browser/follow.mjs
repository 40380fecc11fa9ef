// Plays a stream with hls.js or dash.js as it comes and says four times a second what it does, as JSON, until its input ends:
// node follow.mjs WATCH_URL [URL [LOADING]], dash.js where that is an MPD; without URL the watch page plays, else it is only where hls.js
// comes from, with LOADING the page's setting too. After what they call fatal it does what both ask of an application: hls.js loads the list
// again, dash.js fetches the MPD again.
import { createRequire } from "node:module";
import { join } from "node:path";
import { openChromium } from "./chromium.mjs";

const [watchUrl, url, setting] = process.argv.slice(2);
const isDash = url !== undefined && new URL(url).pathname.endsWith(".mpd");
const SAMPLE_MS = 250;

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

const startHls = ({ url, setting }) => {
  document.querySelectorAll("video").forEach((old) => old.remove());
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const player = new Hls(setting ? LOADING : {});
  window.probe = { video, player, fatal: [], loaded: { main: 0, audio: 0 } };
  player.on(Hls.Events.ERROR, (_event, data) => {
    if (!data.fatal) return;
    window.probe.fatal.push(data.details);
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR) setTimeout(() => player.loadSource(url), 1000);
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

// Of the page's own player there is what it shows (and a function of that name).
const sample = () => {
  const probe = typeof window.probe === "object" ? window.probe : { video: document.querySelector("video"), fatal: [] };
  const { video, player, fatal, loaded } = probe;
  return {
    time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, sound: video.webkitAudioDecodedByteCount, fatal, loaded,
    latency: player?.latency, state: document.getElementById("state")?.dataset.state,
  };
};

const browser = await openChromium();
const page = await browser.newPage();
if (isDash) {
  await page.setContent("<video muted></video>");
  // The package's exports lead to its module only.
  await page.addScriptTag({ path: join(createRequire(import.meta.url).resolve("dashjs"), "../../umd/dash.all.min.js") });
} else {
  await page.goto(watchUrl, { waitUntil: "load", timeout: 90000 });
}
if (url) await (isDash ? page.evaluate(startDash, url) : page.evaluate(startHls, { url, setting }));
const timer = setInterval(async () => {
  const now = await page.evaluate(sample).catch(() => null);
  if (now) console.log(JSON.stringify(now));
}, SAMPLE_MS);
process.stdin.resume();
process.stdin.on("end", async () => {
  clearInterval(timer);
  await browser.close();
});
