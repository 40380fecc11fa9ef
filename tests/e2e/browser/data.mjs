// What players tell a page of data beside sound and picture: node data.mjs hls WATCH_URL HLS_URL SECONDS, or node data.mjs dash MPD_URL
// SECONDS. Prints one line of JSON: texts of ID3 tags, splices, date ranges and captions that hls.js (the watch page's) or dash.js tells of.
import { createRequire } from "node:module";
import { join } from "node:path";
import { openChromium } from "./chromium.mjs";

const [kind, ...rest] = process.argv.slice(2);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const START_MS = 40000 * patience;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// The text of an ID3 tag's TXXX frame: "name value".
const helpers = () => {
  window.seen = { texts: [], splices: 0, ranges: {}, captions: [], audio: [], errors: [] };
  window.id3Text = (bytes) => new TextDecoder().decode(bytes.slice(21)).replace("\0", " ");
};

const playHls = (url) => {
  document.querySelectorAll("video").forEach((old) => old.remove());
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const player = new Hls({ lowLatencyMode: true });
  player.on(Hls.Events.ERROR, (_event, data) => data.fatal && window.seen.errors.push(data.details));
  player.on(Hls.Events.FRAG_PARSING_METADATA, (_event, data) => {
    for (const sample of data.samples) window.seen.texts.push(window.id3Text(sample.data));
  });
  player.on(Hls.Events.LEVEL_UPDATED, (_event, data) => {
    for (const [id, range] of Object.entries(data.details.dateRanges)) window.seen.ranges[id] = { ...range.attr };
  });
  player.on(Hls.Events.AUDIO_TRACKS_UPDATED, (_event, data) => {
    window.seen.audio = data.audioTracks.map((track) => ({ name: track.name, lang: track.lang }));
  });
  player.on(Hls.Events.MANIFEST_PARSED, () => video.play());
  window.collect = () => {
    for (const track of video.textTracks) {
      if (track.kind !== "captions") continue;
      track.mode = "hidden";
      for (const cue of track.cues ?? []) if (!window.seen.captions.includes(cue.text)) window.seen.captions.push(cue.text);
    }
  };
  window.video = video;
  player.loadSource(url);
  player.attachMedia(video);
};

const playDash = (url) => {
  const video = document.querySelector("video");
  const player = window.dashjs.MediaPlayer().create();
  player.on("error", (event) => window.seen.errors.push(JSON.stringify(event.error?.message ?? event.error)));
  player.on("https://aomedia.org/emsg/ID3", (event) => window.seen.texts.push(window.id3Text(event.event.messageData)));
  player.on("urn:scte:scte35:2013:bin", () => (window.seen.splices += 1));
  window.collect = () => {};
  window.video = video;
  player.initialize(video, url, true);
};

const browser = await openChromium();
try {
  const page = await browser.newPage();
  if (kind === "hls") {
    await page.goto(rest[0], { waitUntil: "load", timeout: START_MS });
    await page.evaluate(helpers);
    await page.evaluate(playHls, rest[1]);
  } else {
    const dash = join(createRequire(import.meta.url).resolve("dashjs"), "../../umd/dash.all.min.js");
    await page.setContent("<video muted></video>");
    await page.addScriptTag({ path: dash });
    await page.evaluate(helpers);
    await page.evaluate(playDash, rest[0]);
  }
  await page.waitForFunction(() => window.video.currentTime > 0, undefined, { timeout: START_MS });
  const end = Date.now() + Number(rest[rest.length - 1]) * 1000;
  while (Date.now() < end) {
    await wait(500);
    await page.evaluate(() => window.collect());
  }
  console.log(JSON.stringify(await page.evaluate(() => window.seen)));
} catch (error) {
  console.log(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
