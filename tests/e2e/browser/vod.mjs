// Plays a finished recording with hls.js in Chromium: node vod.mjs WATCH_URL PLAYLIST_URL. It plays from the beginning, seeks, and plays to the
// end. The last line says as JSON what was seen.
import { onHlsPage, patience } from "./hls_page.mjs";

const [watchUrl, playlistUrl] = process.argv.slice(2);
const timeout = 30000 * patience;

await onHlsPage(watchUrl, playlistUrl, { timeout, use: async (page) => {
  await page.waitForFunction(() => window.probe.video.currentTime >= 2, undefined, { timeout });
  await page.evaluate(() => { window.probe.video.currentTime = window.probe.video.duration - 4; });
  await page.waitForFunction(() => window.probe.video.ended, undefined, { timeout });
  return page.evaluate(() => {
    const { video, player, errors } = window.probe;
    return {
      duration: video.duration, time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, sound: video.webkitAudioDecodedByteCount,
      audioTracks: player.audioTracks.length, errors, version: Hls.version,
    };
  });
} });
