// How hls.js loads from a media server that may start again at any moment, for every page that plays: new Hls({ ...LOADING, … }).
// docs/delivery.md (Players) has the same for other pages.
"use strict";

const RELOAD_MS = 500;
// What is refused (4xx) stays so; what cannot be reached (0) or is not ready (5xx) is asked for until it is there. hls.js alone
// gives up for good after two further attempts at a list, and skips a segment where nobody listens.
const RETRY = {
  maxNumRetry: Infinity, retryDelayMs: RELOAD_MS, maxRetryDelayMs: RELOAD_MS, backoff: "linear",
  shouldRetry: (_config, _count, isTimeout, response) => isTimeout || !(response?.code >= 400 && response.code < 500),
};
const loadPolicy = (firstByteMs, wholeMs) =>
  ({ default: { maxTimeToFirstByteMs: firstByteMs, maxLoadTimeMs: wholeMs, timeoutRetry: RETRY, errorRetry: RETRY } });
// The times are hls.js's own.
const LOADING = { playlistLoadPolicy: loadPolicy(10000, 20000), fragLoadPolicy: loadPolicy(10000, 120000) };
