// Follows a low-latency stream until its input ends, and has each of its playlists read by hls-parser in strict mode and each of its parts
// and segments by mp4box.js: node lists.mjs MASTER_URL. One line of JSON at the end: what was read, and what was wrong, in words.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const HLS = require("hls-parser");
const MP4Box = require("mp4box");

const [masterUrl] = process.argv.slice(2);
HLS.setOptions({ strictMode: true, silent: true });
const seen = { playlists: 0, parts: 0, segments: 0, samples: 0, failures: 0 };
const problems = [];
// hls-parser allows parts in three segments, and counts the one that grows; the draft allows three target durations (rfc8216bis 4.4.4.9).
const THREE_SEGMENTS = "Remove EXT-X-PART tags from the Playlist";
// Of what comes behind a gap nothing can be hinted.
const NO_HINT = "the Playlist must contain an EXT-X-PRELOAD-HINT tag";
const endsWithGap = (text) => text.split("\n").findLast((line) => line.startsWith("#EXT-X-PART:"))?.includes("GAP=YES");
let stop = false;
process.stdin.resume();
process.stdin.on("end", () => (stop = true));

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const complain = (text) => problems.length < 100 && problems.push(text);

function parse(text, what) {
  try {
    seen.playlists += 1;
    return HLS.parse(text);
  } catch (error) {
    if (!error.message.includes(THREE_SEGMENTS) && !(error.message.includes(NO_HINT) && endsWithGap(text))) {
      complain(`${what}: ${error.message}\n${text}`);
      return null;
    }
  }
  HLS.setOptions({ strictMode: false, silent: true });
  const playlist = HLS.parse(text);
  HLS.setOptions({ strictMode: true, silent: true });
  return playlist;
}

// What an MP4 reader makes of an init segment with one media object behind it.
function boxes(init, media, what) {
  const file = MP4Box.createFile();
  const errors = [];
  file.onError = (module, message) => errors.push(`${module}: ${message}`);
  let offset = 0;
  for (const bytes of [init, media]) {
    const copy = bytes.slice(0);
    copy.fileStart = offset;
    offset = file.appendBuffer(copy) && offset + bytes.byteLength;
  }
  file.flush();
  if (errors.length > 0) complain(`${what}: ${errors.join(", ")}`);
  return file;
}

// One rendition: its list by blocking reloads, its objects as they are listed.
class Rendition {
  constructor(url) {
    this.url = url;
    this.known = new Set();
    this.inits = new Map();
    this.next = null; // [media sequence, part]
    this.expected = null; // decode time, fragment number and init segment that follow
  }

  async get(uri) {
    const answer = await fetch(new URL(uri, this.url)).catch(() => null);
    if (!answer?.ok) return [answer?.status ?? 0, null];
    return [200, await answer.arrayBuffer().catch(() => null)];
  }

  async follow() {
    while (!stop) {
      const query = this.next ? `?_HLS_msn=${this.next[0]}&_HLS_part=${this.next[1]}` : "";
      const [status, body] = await this.get(`index.m3u8${query}`);
      if (!body) {
        seen.failures += 1;
        if (status >= 400 && status !== 503 && status !== 404) complain(`${this.url}${query}: ${status}`);
        await wait(200);
        continue;
      }
      const list = parse(new TextDecoder().decode(body), this.url + query);
      if (!list) return;
      await this.read(list);
      if (list.endlist) return;
    }
  }

  async read(list) {
    const whole = list.segments.filter((segment) => segment.uri);
    const growing = list.segments.find((segment) => !segment.uri);
    const last = list.mediaSequenceBase + whole.length - 1;
    this.next = growing && growing.parts.length > 0 ? [last + 1, growing.parts.filter((part) => !part.hint).length] : [last + 1, 0];
    let init = null;
    for (const segment of list.segments) {
      init = segment.map?.uri ?? init;
      this.passOver(segment);
      const parts = segment.parts.filter((part) => !part.hint && !part.gap && part.uri);
      for (const part of parts) if (init) await this.object(part.uri, init, "parts");
      if (segment.uri && parts.length > 0 && !segment.gap) await this.object(segment.uri, init, "segments");
    }
  }

  // What comes behind a gap does not begin where the part before it ended.
  passOver(segment) {
    for (const { uri, gap } of [segment, ...segment.parts]) {
      if (!gap || this.known.has(uri)) continue;
      this.known.add(uri);
      this.expected = null;
    }
  }

  async object(uri, initUri, kind) {
    if (this.known.has(uri) || stop) return;
    this.known.add(uri);
    if (!this.inits.has(initUri)) this.inits.set(initUri, (await this.get(initUri))[1]);
    const [status, media] = await this.get(uri);
    if (!media) {
      if (status !== 0) complain(`${uri}: ${status}`); // 0: packaging has just been killed
      this.expected = null;
      return;
    }
    seen[kind] += 1;
    const file = boxes(this.inits.get(initUri), media, uri);
    if (kind === "parts") this.examine(file, uri, initUri);
    if (kind === "segments" && file.moofs.length < 1) complain(`${uri}: no fragment`);
  }

  // CMAF: one fragment of one track, each where the one before ended.
  examine(file, uri, initUri) {
    if (file.moofs?.length !== 1) return complain(`${uri}: ${file.moofs?.length} fragments in a part`);
    const [moof] = file.moofs;
    if (file.moov.traks.length !== 1 || moof.trafs.length !== 1) return complain(`${uri}: not one track`);
    const [traf] = moof.trafs;
    const time = traf.tfdt.baseMediaDecodeTime;
    const { sequence_number: number } = moof.mfhd;
    let duration = 0;
    for (const run of traf.truns) {
      seen.samples += run.sample_count;
      for (let i = 0; i < run.sample_count; i++) duration += run.sample_duration[i] ?? traf.tfhd.default_sample_duration;
    }
    const publication = uri.replace(/^.*?-/, "");
    const after = this.expected;
    if (after && after.publication === publication && after.number === number) {
      if (after.time !== time && initUri === after.init) complain(`${uri}: begins at ${time}, the part before ended at ${after.time}`);
    }
    this.expected = { publication, time: time + duration, number: number + 1, init: initUri };
    return null;
  }
}

const master = await (async () => {
  while (!stop) {
    const answer = await fetch(masterUrl).catch(() => null);
    if (answer?.ok) return parse(await answer.text(), masterUrl);
    await wait(200);
  }
  return null;
})();
const uris = new Set();
for (const variant of master?.variants ?? []) {
  uris.add(variant.uri);
  for (const sound of variant.audio) if (sound.uri) uris.add(sound.uri);
}
await Promise.all([...uris].map((uri) => new Rendition(String(new URL(uri, masterUrl))).follow()));
console.log(JSON.stringify({ ...seen, renditions: uris.size, problems }));
process.exit(0);
