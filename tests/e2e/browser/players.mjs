// Plays manifests with several players in one Chromium at once, each as it comes but for low latency: node players.mjs PLAYER=URL ….
// PLAYER is hlsjs, dashjs, shaka, shaka-ll, videojs or videojs-ll. hls.js is the watch page's, in WEB_ROOT. Says four times a second what they do, as one line of JSON, until its input ends.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { openChromium } from "./chromium.mjs";

const require = createRequire(import.meta.url);
const SCRIPTS = {
  hlsjs: join(process.env.WEB_ROOT ?? "build/release/web", "hls.min.js"),
  dashjs: join(require.resolve("dashjs"), "../../umd/dash.all.min.js"),  // its exports lead to its module only
  shaka: join(dirname(require.resolve("shaka-player/package.json")), "dist/shaka-player.compiled.js"),
  videojs: join(dirname(require.resolve("video.js/package.json")), "dist/video.min.js"),
};
const SAMPLE_MS = 250;

const start = async ([name, url]) => {
  const problems = (window.problems = []);
  const video = document.querySelector("video");
  const low = name.endsWith("-ll");
  video.addEventListener("ended", () => (window.ended = true));
  if (name === "hlsjs") {
    const player = (window.player = new window.Hls());
    player.on(window.Hls.Events.ERROR, (_event, data) => data.fatal && problems.push(`hls.js ${data.details}`));
    player.on(window.Hls.Events.MANIFEST_PARSED, () => video.play());
    window.latency = () => player.latency;
    player.loadSource(url);
    player.attachMedia(video);
    return;
  }
  if (name === "dashjs") {
    const player = (window.player = window.dashjs.MediaPlayer().create());
    player.on("error", (event) => problems.push(`dash.js ${event.error?.message ?? event.error}`));
    window.latency = () => player.getCurrentLiveLatency();
    player.initialize(video, url, true);
    return;
  }
  if (name.startsWith("shaka")) {
    window.shaka.polyfill.installAll();
    const player = (window.player = new window.shaka.Player());
    player.addEventListener("error", (event) => problems.push(`shaka ${event.detail.category}/${event.detail.code} severity ${event.detail.severity}`));
    if (low) player.configure({ streaming: { lowLatencyMode: true } });
    await player.attach(video);
    await player.load(url);
    window.latency = () => player.getStats().liveLatency;
    await video.play();
    return;
  }
  const player = (window.player = window.videojs(video, { html5: { vhs: { overrideNative: true, llhls: low } }, muted: true }));
  player.on("error", () => problems.push(`videojs ${player.error().code}: ${player.error().message}`));
  player.src({ src: url, type: url.includes(".mpd") ? "application/dash+xml" : "application/x-mpegURL" });
  window.latency = () => null;
  await player.play();
};

const sample = () => {
  const video = document.querySelector("video");
  const quality = video.getVideoPlaybackQuality();
  return {
    time: video.currentTime, frames: quality.totalVideoFrames, sound: video.webkitAudioDecodedByteCount, latency: window.latency?.() ?? null,
    ended: Boolean(window.ended), problems: window.problems,
  };
};

const browser = await openChromium();
const pages = [];
for (const argument of process.argv.slice(2)) {
  const [name, url] = [argument.slice(0, argument.indexOf("=")), argument.slice(argument.indexOf("=") + 1)];
  const page = await (await browser.newContext()).newPage();  // of no origin: what it may read, any page may
  const refused = [];
  page.on("response", (answer) => answer.status() >= 400 && refused.push(`${answer.status()} ${answer.url()}`));
  await page.setContent("<video muted></video>");
  await page.addScriptTag({ path: SCRIPTS[name.split("-")[0]] });
  page.evaluate(start, [name, url]).catch((error) => refused.push(`${error}`));
  pages.push({ argument, page, refused });
}
const timer = setInterval(async () => {
  const seen = {};
  for (const { argument, page, refused } of pages) {
    seen[argument] = { ...(await page.evaluate(sample).catch((error) => ({ problems: [`${error}`] }))), refused };
  }
  console.log(JSON.stringify(seen));
}, SAMPLE_MS);
process.stdin.resume();
process.stdin.on("end", async () => {
  clearInterval(timer);
  await browser.close();
});
