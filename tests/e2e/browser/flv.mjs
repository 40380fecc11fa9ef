// FLV viewers: node flv.mjs play URL [seconds] plays it with mpegts.js in Chromium (http and ws URLs); node flv.mjs save URL FILE
// writes what a WebSocket client gets until the server says goodbye. Exits 0 when all went well.
import { createWriteStream } from "node:fs";
import { createRequire } from "node:module";
import { openChromium } from "./chromium.mjs";
import WebSocket from "ws";

const [what, url, third] = process.argv.slice(2);
const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);
const START_MS = 30000 * patience;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const sample = () => {
  const video = document.querySelector("video");
  return { time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, width: video.videoWidth, errors: window.problems };
};

async function play(seconds) {
  const browser = await openChromium();
  try {
    const page = await browser.newPage();  // of no origin: what it may read, any page may
    await page.setContent("<video muted></video>");
    await page.addScriptTag({ path: createRequire(import.meta.url).resolve("mpegts.js/dist/mpegts.js") });
    await page.evaluate((source) => {
      window.problems = [];
      const player = window.mpegts.createPlayer({ type: "flv", isLive: true, url: source });
      player.on(window.mpegts.Events.ERROR, (...details) => window.problems.push(JSON.stringify(details)));
      player.attachMediaElement(document.querySelector("video"));
      player.load();
      void player.play();
    }, url);
    await page.waitForFunction(() => document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames > 0, undefined,
      { timeout: START_MS });
    const first = await page.evaluate(sample);
    await wait(seconds * 1000);
    const last = await page.evaluate(sample);
    const played = last.time - first.time;
    console.log(`played ${played.toFixed(1)} s in ${seconds} s, ${last.frames - first.frames} frames, ${last.width} wide`);
    if (last.errors.length > 0) throw new Error(`mpegts.js: ${last.errors.join("; ")}`);
    if (played < seconds * 0.8) throw new Error(`only ${played.toFixed(1)} s played`);
  } finally {
    await browser.close();
  }
}

function save(path) {
  return new Promise((done, failed) => {
    const file = createWriteStream(path);
    const socket = new WebSocket(url);
    socket.on("message", (message, isBinary) => {
      if (!isBinary) failed(new Error("a text message"));
      file.write(message);
    });
    socket.on("error", failed);
    socket.on("close", (code) => file.end(() => (code === 1000 ? done() : failed(new Error(`closed with ${code}`)))));
  });
}

try {
  await (what === "play" ? play(Number(third ?? 8)) : save(third));
} catch (error) {
  console.log(`failed: ${error.message}`);
  process.exitCode = 1;
}
