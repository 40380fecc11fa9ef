#!/usr/bin/env python3
"""Cases 14 and 33: a second publisher with the same key takes over; a cut encoder comes back to the same URL."""
from wire import Peer, flv_tags, send_realtime
from oracle import Oracle, no_secret_in_logs, same_frames
from stack import Stack, check, fetch, main, make_clip, wait_for


def numbers_grow(before, after):
    check(after.media_sequence >= before.media_sequence and after.last > before.last, "media sequence goes on")
    check(after.discontinuity_sequence >= before.discontinuity_sequence, "discontinuity sequence goes on")


def take_over(stack, clip):
    first = stack.publish(clip)
    before = wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 2 and p, "two segments")
    second = stack.publish(clip)
    check(first.wait(timeout=20) is not None, "the older publisher is told to go")
    after = wait_for(lambda: (p := stack.playlist()) and p.last >= before.last + 3 and p, "the stream to go on")
    numbers_grow(before, after)
    check(sum(segment[3] for segment in after.segments) <= 1, f"one discontinuity\n{after.text}")
    for _, url, _, _, _ in after.segments:
        check(fetch(url)[0] == 200, "every listed segment is there")
    check(second.wait(timeout=60) == 0, "the newer publisher ended well")
    same_frames(clip, stack.wait_recordings(2)[-1])


def cut_and_return(stack, clip, port, key):
    tags = flv_tags(clip)
    peer = Peer(port)
    peer.publish(key)
    send_realtime(peer, [tag for tag in tags if tag[1] < 6000])
    before = wait_for(stack.playlist, "a playlist")
    peer.reset()
    other = make_clip(stack.home / "other.flv", seconds=8, size="640x360")
    publisher = stack.publish(other)
    after = wait_for(lambda: (p := stack.playlist()) and p.last >= before.last + 3 and p, "the stream to go on")
    numbers_grow(before, after)
    check(not after.ended, "the playlist stays open")
    check(after.segments[-1][4] != before.segments[-1][4], f"a new init segment for the new resolution\n{after.text}")
    check(after.segments[-1][4] in {segment[4] for segment in after.segments if segment[3]}, "the discontinuity begins it")
    check(publisher.wait(timeout=60) == 0, "the publisher that came back ended well")
    same_frames(other, stack.wait_recordings(4)[-1])


def publishers():
    with Stack() as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=10)
        oracle = Oracle(stack)
        with oracle.case("14: a second publisher of the same stream"):
            take_over(stack, clip)
        with oracle.case("33: an encoder is cut off and comes back with another resolution"):
            cut_and_return(stack, clip, oracle.port, stack.info["publish_url"].rsplit("/", 1)[1])
        no_secret_in_logs(stack)


main(publishers)
