// The bar over what a stream's past has: dates along it, the newest at its end. It knows no player: it is told where that
// is, and says where to go.
"use strict";

// The list's head has its first date.
const HEAD_BYTES = 4095;
const LOOK_AGAIN_MS = 60000;
// Whoever lets the knob go so near to the end means live.
const LIVE_MS = 15000;
// Less past than this is the player's own buffer.
const WORTH_MS = 20000;

// "1:02:03", of what lies so far behind live "−1:02:03".
function clockText(ms) {
  const seconds = Math.max(Math.round(ms / 1000), 0);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${Math.floor(seconds / 60) % 60}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest.padStart(5, "0")}` : rest;
}

class PastBar {
  // list: address of the multivariant playlist with the past. go: to a date, in milliseconds; null: to live.
  constructor(bar, label, list, go) {
    this.bar = bar;
    this.label = label;
    this.list = list;
    this.begin = null;
    this.held = false;
    bar.addEventListener("input", () => {
      this.held = true;
      this.say(Number(bar.value));
    });
    bar.addEventListener("change", () => {
      this.held = false;
      const date = Number(bar.value);
      go(Number(bar.max) - date < LIVE_MS ? null : date);
    });
    this.look();
    setInterval(() => this.look(), LOOK_AGAIN_MS);
  }

  // Where the past begins: a few bytes of one rendition's list. Without one there is no bar.
  async look() {
    try {
      const all = await fetch(this.list, { cache: "no-store" });
      const uri = all.ok ? (await all.text()).split("\n").find((line) => line !== "" && !line.startsWith("#")) : undefined;
      if (!uri) return this.forget();
      const head = await fetch(new URL(uri, all.url), { cache: "no-store", headers: { Range: `bytes=0-${HEAD_BYTES}` } });
      const date = head.ok ? Date.parse(/#EXT-X-PROGRAM-DATE-TIME:(\S+)/.exec(await head.text())?.[1] ?? "") : NaN;
      if (Number.isNaN(date)) return this.forget();
      this.begin = date;
    } catch {
      // Not reachable now: as before.
    }
  }

  forget() {
    this.begin = null;
    this.bar.parentElement.hidden = true;
  }

  // The player is here, live is there; in milliseconds.
  show(date, edge) {
    if (this.begin === null || edge - this.begin < WORTH_MS) return;
    this.bar.parentElement.hidden = false;
    if (this.held) return;
    this.bar.min = String(Math.min(this.begin, date));
    this.bar.max = String(edge);
    this.bar.value = String(date);
    this.say(date);
  }

  say(date) {
    const behind = Number(this.bar.max) - date;
    const text = behind < LIVE_MS ? "Live" : `−${clockText(behind)}`;
    this.label.textContent = text;
    this.bar.setAttribute("aria-valuetext", behind < LIVE_MS ? "live" : `${clockText(behind)} behind live`);
  }
}
