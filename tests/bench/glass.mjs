// Plays a stream whose pictures have the time in them (glass.py) in Chromium and says as JSON how old each is when it is shown:
// node glass.mjs PLAYER URL SETTLE SECONDS. PLAYER is watch (URL is the watch page), hls or dash (URL is the manifest), the last two as
// the library comes: what they are to do stands in the manifest. HLS_JS in the environment: where hls.js is.
import { createRequire } from "node:module";
import { join } from "node:path";
import { openChromium } from "../e2e/browser/chromium.mjs";

const require = createRequire(import.meta.url);
const [name, url, settle, seconds] = process.argv.slice(2);
const START_MS = 60000;

const PLAYERS = {
  watch: { state: () => ({ target: player.targetLatency, own: player.latency }) },
  hls: {
    script: process.env.HLS_JS,
    begin: (source) => {
      window.player = new Hls();
      window.player.on(Hls.Events.MANIFEST_PARSED, () => document.querySelector("video").play());
      window.player.loadSource(source);
      window.player.attachMedia(document.querySelector("video"));
    },
    state: () => ({ target: window.player.targetLatency, own: window.player.latency }),
  },
  dash: {
    script: join(require.resolve("dashjs"), "../../umd/dash.all.min.js"),
    begin: (source) => {
      window.player = dashjs.MediaPlayer().create();
      window.player.initialize(document.querySelector("video"), source, true);
    },
    state: () => ({ target: window.player.getTargetLiveDelay(), own: window.player.getCurrentLiveLatency() }),
  },
};

// Calls back for every picture that is shown. The time is in its first line of blocks of 16 x 16: 32 bits of milliseconds, then 8 that
// are the sum of the four bytes before.
const observe = () => {
  const BLOCK = 16, BITS = 40;
  const video = document.querySelector("video");
  const canvas = new OffscreenCanvas(BLOCK * BITS, BLOCK);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.seen = { ages: [], unreadable: 0, stalls: 0, rates: new Set() };
  video.addEventListener("waiting", () => (window.seen.stalls += 1));
  const read = () => {
    context.drawImage(video, 0, 0, canvas.width, BLOCK, 0, 0, canvas.width, BLOCK);
    const { data } = context.getImageData(0, BLOCK / 2, canvas.width, 1);
    const bytes = [0, 0, 0, 0, 0];
    for (let bit = 0; bit < BITS; bit += 1) {
      if (data[4 * (bit * BLOCK + BLOCK / 2)] > 127) bytes[bit >> 3] |= 0x80 >> (bit & 7);
    }
    const sum = (bytes[0] + bytes[1] + bytes[2] + bytes[3]) & 0xff;
    return sum === bytes[4] ? ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0 : null;
  };
  const shown = () => {
    const now = performance.timeOrigin + performance.now();
    const drawn = read();
    if (drawn === null) window.seen.unreadable += 1;
    else window.seen.ages.push((now % 2 ** 32) - drawn);
    window.seen.rates.add(Math.round(video.playbackRate * 100) / 100);
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
};

const wait = (s) => new Promise((done) => setTimeout(done, Number(s) * 1000));

const browser = await openChromium();
try {
  const page = await browser.newPage();
  const { script, begin, state } = PLAYERS[name];
  if (begin) {
    await page.setContent("<video muted></video>");
    await page.addScriptTag({ path: script });
    await page.evaluate(begin, url);
  } else {
    await page.goto(url, { waitUntil: "load", timeout: START_MS });
  }
  await page.waitForFunction(() => document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames > 0, undefined,
    { timeout: START_MS });
  await wait(settle);
  await page.evaluate(observe);
  await wait(seconds);
  const seen = await page.evaluate(() => ({ ...window.seen, rates: [...window.seen.rates] }));
  console.log(JSON.stringify({ ...seen, ...(await page.evaluate(state)) }));
} finally {
  await browser.close();
}
