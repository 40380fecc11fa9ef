// A page in Chromium in which hls.js plays a playlist: window.probe has the video, the player, what went wrong, and the numbers of the
// segments that were loaded. The watch page is only where hls.js comes from.
import { openChromium } from "./chromium.mjs";

export const patience = Number(process.env.MILLRACE_TEST_PATIENCE ?? 1);

const start = (url) => {
  document.querySelectorAll("video").forEach((old) => old.remove());
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const player = new Hls();
  window.probe = { video, player, errors: [], loaded: [] };
  player.on(Hls.Events.ERROR, (_event, data) => window.probe.errors.push(`${data.details}${data.fatal ? " (fatal)" : ""}`));
  player.on(Hls.Events.FRAG_LOADED, (_event, data) => window.probe.loaded.push(data.frag.sn));
  player.on(Hls.Events.MANIFEST_PARSED, () => video.play());
  player.loadSource(url);
  player.attachMedia(video);
};

// Calls prepare(page) before anything is loaded, use(page) once it plays the list; prints what that gives as JSON.
export async function onHlsPage(watchUrl, playlistUrl, { timeout, use, prepare = () => {} }) {
  const browser = await openChromium();
  try {
    const page = await browser.newPage();
    prepare(page);
    await page.goto(watchUrl, { waitUntil: "load", timeout });
    await page.evaluate(start, playlistUrl);
    console.log(JSON.stringify(await use(page)));
  } finally {
    await browser.close();
  }
}
