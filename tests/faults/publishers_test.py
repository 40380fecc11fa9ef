#!/usr/bin/env python3
"""Cases 14 and 33: one publisher at a time, the newest; a cut encoder comes back to the same URL and into the same recording."""
import fcntl
import os
import signal
import struct
import subprocess
import termios
import threading
import time

from wire import NULL, Peer, chunk, control, flv_tags, is_header, number, send_realtime, string
from oracle import Oracle, no_secret_in_logs, same_frames
from stack import Failure, Stack, check, fetch, main, make_clip, packets, wait_for

GRACE = 6


def numbers_grow(before, after):
    check(after.media_sequence >= before.media_sequence and after.last > before.last, "media sequence goes on")
    check(after.discontinuity_sequence >= before.discontinuity_sequence, "discontinuity sequence goes on")


def one_break(before, after):
    breaks = sum(segment[3] for segment in after.segments) - sum(segment[3] for segment in before.segments)
    check(breaks + after.discontinuity_sequence - before.discontinuity_sequence == 1, f"one discontinuity\n{before.text}\n{after.text}")
    for number, url, seconds, _, _ in after.segments:
        check(fetch(url)[0] == 200, "every listed segment is there")
        check(seconds <= after.target + 0.5, f"segment {number} of {seconds} s with target {after.target}")


def digests(source, stream="v"):
    return [digest for _, digest in packets(source, stream)]


def goes_on(recording, parts):
    """The recording holds the beginning of each clip in turn, the last one whole, and plays and seeks over the joints. Returns the gaps."""
    for stream in ("v", "a"):
        kept = digests(recording, stream)
        for clip in parts:
            sent = digests(clip, stream)
            length = next((i for i in range(min(len(sent), len(kept))) if sent[i] != kept[i]), min(len(sent), len(kept)))
            check(length > 0, f"{recording.name}: {stream} holds what was sent")
            kept = kept[length:]
        check(length == len(sent) and not kept, f"{recording.name}: {stream} ends with the whole last clip, not {length} of {len(sent)}")
    frames = sorted(time_ for time_, _ in packets(recording, "v"))
    check(all(a < b for a, b in zip(frames, frames[1:])), f"{recording.name}: every picture has a time of its own")
    gaps = [(before, after - before) for before, after in zip(frames, frames[1:]) if after - before > 0.2]
    for position in (0, frames[-1] - 2):  # before and behind the joint
        played = subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-ss", str(max(position, 0)), "-i", str(recording), "-f", "null", "-"],
                                capture_output=True, text=True, timeout=60)
        check(played.returncode == 0 and not played.stderr, f"{recording.name} from {position}: {played.stderr}")
    return gaps


def take_over(stack, clip):
    """14: a second publisher of the same stream."""
    first = stack.publish(clip)
    before = wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 2 and p, "two segments")
    second = stack.publish(clip)
    check(first.wait(timeout=20) is not None, "the older publisher is told to go")
    after = wait_for(lambda: (p := stack.playlist()) and p.segments and p.segments[-1][0] >= before.last + 3 and p, "the stream to go on")
    numbers_grow(before, after)
    one_break(before, after)
    check(second.wait(timeout=60) == 0, "the newer publisher ended well")
    goes_on(stack.wait_recordings(1)[0], (clip, clip))


def race(stack, port, key, publishers):
    """14: publishers of one stream at the same moment: one winner, and the others are told."""
    peers = [Peer(port).handshake().connect() for _ in range(publishers)]
    for peer in peers:
        peer.command("createStream", 2, b"\x05").expect(b"_result")
    together = threading.Barrier(publishers)
    told = [b""] * publishers

    def publish(index):
        together.wait()
        peers[index].publish_command(key)
        peers[index].socket.settimeout(4)
        try:
            while part := peers[index].socket.recv(65536):
                told[index] += part
        except TimeoutError:
            told[index] += b"<stays>"
        except OSError:
            pass

    threads = [threading.Thread(target=publish, args=(index,)) for index in range(publishers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [text for text in told if text.endswith(b"<stays>")]
    check(len(winners) == 1 and b"NetStream.Publish.Start" in winners[0], f"one winner of {publishers}, not {len(winners)}: {told}")
    check(all(b"NetStream.Publish.Rejected" in text for text in told if not text.endswith(b"<stays>")), f"the others are told: {told}")
    for peer in peers:
        peer.socket.close()


def test_connection(port, key):
    """What an encoder's button of that name does: it publishes, sends nothing and leaves."""
    with Peer(port) as peer:
        peer.publish(key)
        peer.unpublish()


def camera_off(stack, clip, port, key):
    """The camera is switched off, sound goes on."""
    tags = [tag for tag in flv_tags(clip) if is_header(tag) or tag[0] != 9 or tag[1] < 4100]
    already = stack.playlist()
    peer = Peer(port)
    peer.publish(key)
    send_realtime(peer, tags, speed=2)
    # Of ten seconds all but the growing segment and the one before it; the last picture is waited for by none.
    listed = wait_for(lambda: (p := stack.playlist()) and p.last >= (already.last if already else 0) + 3 and p, "segments of sound alone")
    check(listed.target == 2, f"the target stays: {listed.target}")
    for number, _, seconds, _, _ in listed.segments:
        check(seconds < listed.target + 0.5, f"segment {number} of {seconds} s with target {listed.target}")
    peer.unpublish()
    peer.socket.close()


def cut_and_return(stack, clip, port, key):
    """33: an encoder is cut off and comes back within the grace time."""
    tags = flv_tags(clip)
    already = len(stack.recordings())
    peer = Peer(port)
    peer.publish(key)
    send_realtime(peer, [tag for tag in tags if tag[1] < 6000])
    before = wait_for(stack.playlist, "a playlist")
    peer.reset()
    time.sleep(2)
    publisher = stack.publish(clip)
    after = wait_for(lambda: (p := stack.playlist()) and p.segments and p.segments[-1][0] >= before.last + 3 and p, "the stream to go on")
    numbers_grow(before, after)
    one_break(before, after)
    check(not after.ended, "the playlist stays open")
    check(publisher.wait(timeout=60) == 0, "the publisher that came back ended well")
    recordings = stack.wait_recordings(already + 1)
    time.sleep(1)
    check(len(stack.recordings()) == already + 1, f"one recording, not {stack.recordings()[already:]}")
    gaps = goes_on(recordings[-1], (clip, clip))
    check(len(gaps) == 1 and 1.5 < gaps[0][1] < 6, f"one gap, as long as the encoder was away: {gaps}")


def other_resolution(stack, clip, port, key):
    """33: an encoder is cut off and comes back with another resolution."""
    already = len(stack.recordings())
    peer = Peer(port)
    peer.publish(key)
    send_realtime(peer, [tag for tag in flv_tags(clip) if tag[1] < 6000])
    before = wait_for(stack.playlist, "a playlist")
    peer.reset()
    other = make_clip(stack.home / "other.flv", seconds=8, size="640x360")
    publisher = stack.publish(other)
    after = wait_for(lambda: (p := stack.playlist()) and p.segments and p.segments[-1][0] >= before.last + 3 and p, "the stream to go on")
    numbers_grow(before, after)
    one_break(before, after)
    check(not after.ended, "the playlist stays open")
    check(after.segments[-1][4] != before.segments[-1][4], f"a new init segment for the new resolution\n{after.text}")
    check(after.segments[-1][4] in {segment[4] for segment in after.segments if segment[3]}, "the discontinuity begins it")
    check(publisher.wait(timeout=60) == 0, "the publisher that came back ended well")
    same_frames(other, stack.wait_recordings(already + 2)[-1])


def unsent(peer):
    """Bytes that the other side's kernel has not acknowledged."""
    return struct.unpack("i", fcntl.ioctl(peer, termios.TIOCOUTQ, bytes(4)))[0]


def leaves_unheard(stack, clip, port, key):
    """33: an encoder that sends its end and leaves without reading what it was answered: nothing is lost, and it is not awaited."""
    already = len(stack.recordings())
    heavy = make_clip(stack.home / "heavy.flv", seconds=14, bitrate="4M", size="1280x720")
    messages = [chunk(kind, body, csid={8: 4, 9: 6, 18: 5}[kind], message_stream=1, timestamp=stamp) for kind, stamp, body in flv_tags(heavy)]
    later, rest = len(messages), 0
    while rest < 1_800_000:
        later -= 1
        rest += len(messages[later])
    end = chunk(20, string("deleteStream") + number(4) + NULL + number(1))
    peer = Peer(port)
    peer.publish(key)
    # An acknowledgement for every few messages: there is something unread when it closes, so the connection is reset.
    peer.send(control(5, 2500) + b"".join(messages[:later]))
    wait_for(lambda: unsent(peer.socket) == 0, "most of it to be read")
    # More than is read at once: what is answered in between fails, and the rest is still there.
    ingest = stack.pid("ingest")
    os.kill(ingest, signal.SIGSTOP)
    try:
        peer.send(b"".join(messages[later:]) + end)
        try:
            wait_for(lambda: unsent(peer.socket) == 0, "the kernel of the server to have it all", 5)
        except Failure:  # it takes less than that: the rest goes as it is read, and what is left unread then is less
            os.kill(ingest, signal.SIGCONT)
            wait_for(lambda: unsent(peer.socket) == 0, "the server to read it")
        peer.socket.close()
    finally:
        os.kill(ingest, signal.SIGCONT)
    same_frames(heavy, stack.wait_recordings(already + 1)[-1])
    ends = [line for line in (stack.home / "logs/ingest/current").read_text().splitlines() if "publication ended" in line]
    check('reason="unpublished"' in ends[-1], f"its end was read: {ends[-1]}")


def too_late(stack, clip, port, key):
    """33: an encoder that comes back after the grace time finds the same URL, and begins a new recording."""
    already = len(stack.recordings())
    peer = Peer(port)
    peer.publish(key)
    send_realtime(peer, [tag for tag in flv_tags(clip) if tag[1] < 5000])
    before = wait_for(stack.playlist, "a playlist")
    peer.reset()
    wait_for(lambda: stack.playlist().ended, "the playlist to be closed", GRACE + 10)
    stack.wait_recordings(already + 1)
    test_connection(port, key)
    publisher = stack.publish(clip)
    after = wait_for(lambda: (p := stack.playlist()) and not p.ended and p.segments and p.segments[-1][0] > before.last and p, "the stream to be there again")
    numbers_grow(before, after)
    check(publisher.wait(timeout=60) == 0, "the publisher that came back ended well")
    same_frames(clip, stack.wait_recordings(already + 2)[-1])


def publishers():
    with Stack(RECONNECT_GRACE_SECONDS=str(GRACE)) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=10)
        oracle = Oracle(stack)
        key = stack.info["publish_url"].rsplit("/", 1)[1]
        with oracle.case(take_over.__doc__):
            take_over(stack, clip)
        for count in (2, 10):
            with oracle.case(f"{race.__doc__} ({count})"):
                race(stack, oracle.port, key, count)
        for run in (leaves_unheard, cut_and_return, other_resolution, too_late, camera_off):
            with oracle.case(run.__doc__):
                run(stack, clip, oracle.port, key)
        no_secret_in_logs(stack)


main(publishers)
