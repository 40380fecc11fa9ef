#!/usr/bin/env python3
"""Key frames wherever the encoder likes, sound alone, pictures alone: hls.js (not the first), dash.js, Shaka and video.js in Chromium and mpv play
them without a stall, and lists and manifests keep the rules."""
import hard_streams
from hard_trial import trial
from stack import main


def hard():
    # hls.js in low latency stood for 13 s in some runs: docs/delivery.md.
    trial(hard_streams.irregular, ("v0", "a0"), without=("hlsjs",))
    trial(hard_streams.audio_only, ("a0",), pictures=False)
    trial(hard_streams.video_only, ("v0",))


main(hard)
