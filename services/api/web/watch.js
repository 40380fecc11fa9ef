// Plays one live stream. The stream's public id is the last part of this page's address; everything from outside is put
// into the page as text, never as markup.
"use strict";

const RETRY_MS = 2000;
// A stream that this browser has no decoder for is looked at again: its encoder may come back with another codec.
const UNSUPPORTED_RETRY_MS = 30000;
// A fault that comes back so soon after a recovery makes the player start again instead.
const RECOVER_MS = 5000;
const STATUS_MS = 5000;
// A player that shows nothing new for this long is started again.
const STALL_MS = 12000;
// Who is further behind live than the player wants to be, and this much more, is offered to go there.
const BEHIND_S = 8;
// The list says how far behind live to play; a little faster brings a player there that has stalled.
const PLAYER_LIVE = { ...LOADING, lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.15, backBufferLength: 90, maxBufferLength: 20 };
// Who has gone back has time.
const PLAYER_PAST = { ...LOADING, lowLatencyMode: false, backBufferLength: 90 };

const element = (id) => document.getElementById(id);
const video = element("video");
const id = decodeURIComponent(location.pathname.split("/").pop());

// Of a private stream: what its owner or a viewer key gave; it goes to the media server and nowhere else.
const token = new URLSearchParams(location.search).get("token") ?? "";

let source = "";
let pastSource = "";
let pastBar = null;
// In the past: on the list that has it.
let inPast = false;
// Codecs of the first variant, as the multivariant playlist names them.
let offered = "";
let player = null;
let retryTimer = 0;
let lastProgress = 0;
let lastTime = 0;
let lastRecovery = -Infinity;

function show(state, label, message) {
  const pill = element("state");
  if (pill.dataset.state !== state) {
    pill.dataset.state = state;
    pill.textContent = label;
  }
  element("overlay").hidden = message === "";
  element("message").textContent = message;
  document.title = `${label} · ${id}`;
}

const showLive = () => show(inPast ? "past" : "live", inPast ? "Earlier" : "Live", "");
const showConnecting = () => show("connecting", "Connecting", "Connecting to the stream …");
const showRefused = () => show("offline", "Private", token ? "The permission to watch has run out. Ask for a new link." :
  "This stream is private. Ask its owner for a link.");
const showOffline = () => show("offline", "Offline", "The stream is offline. It starts here by itself when it is back.");

function stop() {
  clearTimeout(retryTimer);
  if (player) player.destroy();
  player = null;
}

function refuseViewer() {
  stop();
  showRefused();
  retryTimer = setTimeout(probe, UNSUPPORTED_RETRY_MS);
}

function retryLater() {
  stop();
  showOffline();
  retryTimer = setTimeout(probe, RETRY_MS);
}

// The list of the first variant says whether the stream has ended: "" when it can't be had.
async function firstList(multivariant, base) {
  const uri = multivariant.split("\n").find((line) => line !== "" && !line.startsWith("#"));
  if (!uri) return "";
  const answer = await fetch(new URL(uri, base), { cache: "no-store" });
  return answer.ok ? answer.text() : "";
}

// Asks for the playlists before a player is made: an offline stream costs one small request each time.
async function probe() {
  try {
    const answer = await fetch(source, { cache: "no-store" });
    if (answer.status === 401 || answer.status === 403) return refuseViewer();
    const text = answer.ok ? await answer.text() : "";
    offered = /CODECS="([^"]+)"/.exec(text)?.[1] ?? "";
    const list = await firstList(text, answer.url);
    if (list.includes("#EXTINF") && !list.includes("#EXT-X-ENDLIST")) return play();
  } catch {
    // Not reachable: the same as offline.
  }
  retryLater();
}

async function startPlayback() {
  try {
    await video.play();
  } catch {
    video.muted = true;
    await video.play().catch(() => {});
  }
  element("unmute").hidden = !video.muted;
}

function isCodecError(data) {
  const details = Hls.ErrorDetails;
  return [details.BUFFER_ADD_CODEC_ERROR, details.BUFFER_INCOMPATIBLE_CODECS_ERROR, details.MANIFEST_INCOMPATIBLE_CODECS_ERROR]
    .includes(data.details);
}

function refuse(data) {
  stop();
  const codecs = /codecs="?([^"]+)/.exec(data.mimeType ?? "")?.[1] ?? offered;
  show("unsupported", "Not supported", `This browser cannot play the stream's codecs${codecs ? ` (${codecs})` : ""}.`);
  retryTimer = setTimeout(probe, UNSUPPORTED_RETRY_MS);
}

function recover(data) {
  if (!data.fatal) return;
  if (isCodecError(data)) return refuse(data);
  const now = performance.now();
  if (data.type === Hls.ErrorTypes.MEDIA_ERROR && player && now - lastRecovery > RECOVER_MS) {
    lastRecovery = now;
    return player.recoverMediaError();
  }
  retryLater();
}

// date: in milliseconds, where the past is played from; null: live.
function play(date = null) {
  const sound = player?.audioTrack ?? -1;
  stop();
  lastProgress = performance.now();
  inPast = date !== null;
  if (window.Hls && Hls.isSupported()) {
    player = new Hls(inPast ? PLAYER_PAST : PLAYER_LIVE);
    if (inPast) player.once(Hls.Events.LEVEL_LOADED, (_event, data) => goToDate(data.details.fragments, date));
    if (sound > 0) player.once(Hls.Events.AUDIO_TRACKS_UPDATED, () => { player.audioTrack = sound; });
    player.on(Hls.Events.ERROR, (_event, data) => recover(data));
    player.on(Hls.Events.MANIFEST_PARSED, startPlayback);
    player.on(Hls.Events.LEVELS_UPDATED, offerQualities);
    player.on(Hls.Events.MANIFEST_LOADED, offerQualities);
    player.on(Hls.Events.AUDIO_TRACKS_UPDATED, offerSounds);
    player.on(Hls.Events.AUDIO_TRACK_SWITCHED, offerSounds);
    player.loadSource(inPast ? pastSource : source);
    player.attachMedia(video);
  } else if (video.canPlayType("application/vnd.apple.mpegurl")) {
    video.src = source;
    startPlayback();
  } else {
    show("offline", "Not supported", "This browser cannot play live video.");
  }
}

// A choice of one is none.
function offer(name, options, chosen) {
  element(`${name}-choice`).hidden = options.length < 2;
  const select = element(name);
  select.replaceChildren(...options.map(({ value, label }) => new Option(label, value, false, value === chosen)));
}

function qualityLabel(level) {
  const size = level.height ? `${level.height}p` : "sound only";
  return `${size}, ${Math.round(level.bitrate / 1000)} kbit/s`;
}

function offerQualities() {
  if (!player) return;
  const levels = player.levels.map((level, index) => ({ value: index, label: qualityLabel(level) }));
  const automatic = levels.length > 1 ? [{ value: -1, label: "Automatic" }] : [];
  offer("quality", [...automatic, ...levels], player.autoLevelEnabled ? -1 : player.currentLevel);
}

function offerSounds() {
  if (!player) return;
  offer("sound", player.audioTracks.map((track, index) => ({ value: index, label: track.name })), player.audioTrack);
}

// The list's clock is the segments' dates: what the encoder was away for takes no time in it.
function goToDate(fragments, date) {
  const dated = fragments.filter((fragment) => fragment.programDateTime !== null && !fragment.gap);
  const found = dated.findLast((fragment) => fragment.programDateTime <= date) ?? dated[0];
  if (!found) return;
  const into = Math.min(Math.max((date - found.programDateTime) / 1000, 0), Math.max(found.duration - 0.1, 0));
  video.currentTime = found.start + into;
}

function goBack(date) {
  if (date === null) return goToLive();
  const fragments = inPast ? player?.levels[player.currentLevel]?.details?.fragments : null;
  if (fragments) {
    goToDate(fragments, date);
    video.play().catch(() => {});
  } else {
    showConnecting();
    play(date);
  }
}

function showPast() {
  const here = player?.playingDate?.getTime();
  const newest = player?.levels[player.currentLevel]?.details?.fragments.at(-1);
  if (here && newest?.programDateTime) pastBar?.show(here, Math.max(newest.programDateTime + newest.duration * 1000, here));
}

function goToLive() {
  if (inPast) {
    showConnecting();
    return play();
  }
  if (player?.liveSyncPosition) video.currentTime = player.liveSyncPosition;
  video.play().catch(() => {});
}

// How much is there to play from here on.
function bufferedSeconds() {
  for (let i = 0; i < video.buffered.length; i += 1) {
    if (video.buffered.start(i) <= video.currentTime && video.currentTime <= video.buffered.end(i)) return video.buffered.end(i) - video.currentTime;
  }
  return 0;
}

function showFigures() {
  const latency = player?.latency ?? 0;
  element("delay").textContent = latency > 0 ? `${latency.toFixed(1)} s` : "–";
  element("buffer").textContent = video.readyState > 0 ? `${bufferedSeconds().toFixed(1)} s` : "–";
  const quality = video.getVideoPlaybackQuality?.();
  element("dropped").textContent = quality?.totalVideoFrames ? `${quality.droppedVideoFrames} of ${quality.totalVideoFrames}` : "–";
  element("to-live").hidden = !inPast && !(latency > (player?.targetLatency ?? 0) + BEHIND_S);
}

function watchProgress() {
  const now = performance.now();
  if (video.currentTime !== lastTime) {
    lastTime = video.currentTime;
    lastProgress = now;
    if (!video.paused && video.readyState >= 2) showLive();
  } else if (!video.paused && player && now - lastProgress > STALL_MS) {
    retryLater();
  }
  if (video.videoWidth > 0) element("picture").textContent = `${video.videoWidth} × ${video.videoHeight}`;
  showFigures();
  showPast();
}

async function showStatus() {
  try {
    const answer = await fetch(`/api/stream/status/${encodeURIComponent(id)}`, { cache: "no-store" });
    if (!answer.ok) return;
    const status = await answer.json();
    element("bitrate").textContent = status.isLive ? `${Number(status.bitrate)} kbit/s` : "–";
    element("viewers").textContent = status.isLive ? String(Number(status.viewers)) : "–";
  } catch {
    // The picture matters more than the numbers.
  }
}

async function start() {
  element("name").textContent = id;
  showConnecting();
  const config = await (await fetch("/assets/config.json", { cache: "no-store" })).json();
  const base = config.hlsBaseUrl || `http://${location.hostname}:${Number(config.hlsPort)}`;
  const list = (name) => `${base}/live/${encodeURIComponent(id)}/${name}${token ? `?token=${encodeURIComponent(token)}` : ""}`;
  source = list("index.m3u8");
  pastSource = list("dvr.m3u8");
  if (window.Hls && Hls.isSupported()) pastBar = new PastBar(element("past"), element("past-place"), pastSource, goBack);
  video.addEventListener("ended", retryLater);
  video.addEventListener("error", () => { if (!player) retryLater(); });
  video.addEventListener("waiting", () => { if (player) showConnecting(); });
  element("unmute").addEventListener("click", () => {
    video.muted = false;
    element("unmute").hidden = true;
  });
  element("quality").addEventListener("change", (event) => { if (player) player.nextLevel = Number(event.target.value); });
  element("sound").addEventListener("change", (event) => { if (player) player.audioTrack = Number(event.target.value); });
  element("to-live").addEventListener("click", goToLive);
  setInterval(watchProgress, 250);
  setInterval(showStatus, STATUS_MS);
  showStatus();
  probe();
}

start().catch(() => {
  show("offline", "Offline", "The page could not be set up. Reload to try again.");
});
