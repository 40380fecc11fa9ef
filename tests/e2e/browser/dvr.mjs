// Plays a live stream with its past with hls.js in Chromium: node dvr.mjs WATCH_URL PLAYLIST_URL. It plays at the live edge, goes back to the
// beginning of the window, plays there, and goes back to live. The last line says as JSON what was seen.
import { onHlsPage, patience } from "./hls_page.mjs";

const [watchUrl, playlistUrl] = process.argv.slice(2);
const timeout = 40000 * patience;
let deltas = 0;

await onHlsPage(watchUrl, playlistUrl, {
  timeout,
  prepare: (page) => page.on("response", (answer) => { deltas += answer.ok() && answer.url().includes("dvr.m3u8?_HLS_skip="); }),
  use: async (page) => {
    const plays = async () => {
      const from = await page.evaluate(() => window.probe.video.currentTime);
      await page.waitForFunction((at) => window.probe.video.currentTime >= at + 2 && !window.probe.video.seeking, from, { timeout });
    };
    await page.waitForFunction(() => window.probe.video.currentTime > 0 && window.probe.video.seekable.length > 0, undefined, { timeout });
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
    return { live, past, back, lowest, deltas, errors: await page.evaluate(() => window.probe.errors) };
  },
});
