"""Streams made of crafted FLV tags: published, and compared with what the playlist and the recording hold."""
from wire import Peer, is_header, send_realtime
from stack import check, packets, wait_for


def key_of(stack):
    return stack.info["publish_url"].rsplit("/", 1)[1]


def publish_tags(stack, oracle, tags, stamps=None, speed=1.0):
    """Publishes crafted tags at their own pace; returns the recording and the last playlist while it was live."""
    already = len(stack.recordings())
    with Peer(oracle.port) as peer:
        peer.publish(key_of(stack))
        send_realtime(peer, tags, stamps, speed)
        playlist = wait_for(stack.playlist, "a playlist")
        peer.drain()
    return stack.wait_recordings(already + 1)[-1], playlist


def valid(playlist, recording):
    """Target duration honoured, decode times strictly increasing."""
    for number, _, seconds, _, _ in playlist.segments:
        check(0 < seconds <= playlist.target + 0.5, f"segment {number}: {seconds} s, target {playlist.target}")
    for kind in ("v", "a"):
        times = [time for time, _ in packets(recording, kind)]
        check(kind == "v" or all(a < b for a, b in zip(times, times[1:])), f"audio times increase in {recording.name}")


def all_frames(tags, recording):
    for kind, stream in ((9, "v"), (8, "a")):
        sent = sum(1 for tag in tags if tag[0] == kind and not is_header(tag))
        kept = len(packets(recording, stream)) if sent else 0
        check(sent == kept, f"{kept} of {sent} frames of {stream}")
