#!/usr/bin/env python3
"""A sound, or a second one, that an encoder adds later: who is there plays on, in hls.js, dash.js, Shaka and video.js in Chromium and mpv, and
lists and manifests keep the rules."""
import hard_streams
from hard_trial import STALL_AT_CHANGE, trial
from stack import main


def late():
    trial(hard_streams.late_sound, ("v0",), stall=STALL_AT_CHANGE)
    trial(hard_streams.second_sound, ("v0", "a0"), stall=STALL_AT_CHANGE)


main(late)
