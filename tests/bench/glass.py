"""Glass to glass: how old a picture is when Chromium shows it. A publisher draws the time into each picture before ffmpeg encodes it;
one encoding goes to Millrace and to nginx-rtmp, whose ordinary HLS is played beside."""
import contextlib
import fcntl
import itertools
import json
import os
import subprocess
import threading
import time

from measure import BUILD, report, running_nginx
from stack import ROOT, Stack, fetch, wait_for

WIDTH, HEIGHT, RATE, SOUND_RATE = 640, 360, 30, 48000
BLOCK = 16
PIPE_BYTES = 1 << 20
SETTLE = 12  # until a player is where it wants to be
NGINX = """
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/error.log warn;
events {{ worker_connections 512; }}
rtmp {{ server {{ listen 127.0.0.1:{port};
  application hls {{ live on; hls on; hls_path {home}/hls; hls_fragment 2s; hls_playlist_length 20s; }} }} }}
http {{ access_log off; types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
  server {{ listen 127.0.0.2:{port}; root {home}; add_header Access-Control-Allow-Origin *; }} }}
"""


def time_code(milliseconds):
    """A line of blocks: 32 bits, and the sum of their four bytes."""
    code = (milliseconds & 0xFFFFFFFF).to_bytes(4, "big")
    bits = "".join(f"{byte:08b}" for byte in (*code, sum(code) & 0xFF))
    row = b"".join((b"\xeb" if bit == "1" else b"\x10") * BLOCK for bit in bits)
    return row.ljust(WIDTH, b"\x10") * BLOCK


def test_pictures(count=60):
    """Moving pictures in YUV 4:2:0, grey where the time is drawn; what comes behind that of each."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE}", "-frames:v", str(count), "-pix_fmt",
                          "yuv420p", "-f", "rawvideo", "-"], capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout
    size, luma, strip = len(raw) // count, WIDTH * HEIGHT, WIDTH * BLOCK

    def with_grey_line(picture):
        blue, red = picture[luma:luma * 5 // 4], picture[luma * 5 // 4:]
        return picture[strip:luma] + b"".join(b"\x80" * (strip // 4) + plane[strip // 4:] for plane in (blue, red))

    return [with_grey_line(raw[i * size:(i + 1) * size]) for i in range(count)]


class Camera:
    """Pictures with the time in them and silence, in real time, into two pipes."""

    def __init__(self):
        self.pictures = test_pictures()
        pipes = [os.pipe() for _ in range(2)]
        for _, end in pipes:
            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.inputs = [reading for reading, _ in pipes]
        self.began = time.monotonic()
        for write, (_, end) in zip((self.draw, self.sound), pipes):
            threading.Thread(target=self.run, args=(write, end), daemon=True).start()

    def run(self, write, pipe):
        # It ends with the encoder.
        with contextlib.suppress(OSError), os.fdopen(pipe, "wb") as out:
            for number in itertools.count():
                time.sleep(max(0.0, self.began + number / RATE - time.monotonic()))
                write(out, number)
                out.flush()

    def draw(self, out, number):
        out.write(time_code(time.time_ns() // 1_000_000))
        out.write(self.pictures[number % len(self.pictures)])

    @staticmethod
    def sound(out, _number):
        out.write(bytes(2 * SOUND_RATE // RATE))


@contextlib.contextmanager
def encoder(urls):
    """x264 without a delay of its own, a key frame every two seconds."""
    camera = Camera()
    picture, sound = camera.inputs
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-thread_queue_size", "64", "-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size",
               f"{WIDTH}x{HEIGHT}", "-framerate", str(RATE), "-i", f"pipe:{picture}", "-thread_queue_size", "64", "-f", "s16le", "-ar", str(SOUND_RATE),
               "-ac", "1", "-i", f"pipe:{sound}", "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency",
               "-g", str(2 * RATE), "-keyint_min", str(2 * RATE), "-sc_threshold", "0", "-b:v", "1M", "-maxrate", "1M", "-bufsize", "1M", "-c:a", "aac",
               "-b:a", "96k", "-flags", "+global_header", "-f", "tee", "|".join(f"[f=flv]{url}" for url in urls)]
    child = subprocess.Popen(command, pass_fds=camera.inputs, stdin=subprocess.DEVNULL)
    for end in camera.inputs:
        os.close(end)
    try:
        yield
        if child.poll() is not None:
            raise SystemExit("the encoder has ended")
    finally:
        child.kill()
        child.wait()


def play(player, url, seconds):
    script = str(BUILD / "web/hls.min.js")
    result = subprocess.run(["node", str(ROOT / "tests/bench/glass.mjs"), player, url, str(SETTLE), str(seconds)], capture_output=True, text=True,
                            env={**os.environ, "HLS_JS": script}, timeout=seconds + SETTLE + 120)
    if result.returncode:
        raise SystemExit(f"{player}: {result.stdout}{result.stderr}")
    seen = json.loads(result.stdout)
    if len(seen["ages"]) < seconds * RATE / 2 or seen["unreadable"]:
        raise SystemExit(f"{player}: {len(seen['ages'])} pictures in {seconds} s, {seen['unreadable']} without a time")
    return seen


def quantile(ages, share):
    return sorted(ages)[min(int(len(ages) * share), len(ages) - 1)] / 1000


def measure(seconds):
    def prepare(home):
        (home / "hls").mkdir()
        (home / "hls").chmod(0o777)

    with running_nginx(NGINX, prepare) as (port, _), Stack(MEDIA_LOG_BYTES="512M") as stack:
        plain = f"http://127.0.0.2:{port}/hls/s.m3u8"
        manifest = stack.info["hls_url"].rsplit("/", 1)[0] + "/manifest.mpd"
        with encoder([stack.info["publish_url"], f"rtmp://127.0.0.1:{port}/hls/s"]):
            for url in (plain, manifest, stack.info["hls_url"]):
                wait_for(lambda url=url: fetch(url)[0] == 200, url, 60)
            peer = play("hls", plain, seconds)
            for what, player, url in (("hls.js on the watch page", "watch", stack.info["watch_url"]), ("dash.js", "dash", manifest)):
                seen = play(player, url, seconds)
                for share in (0.5, 0.95):
                    report(f"glass to glass, {what}, p{share * 100:.0f}", quantile(seen["ages"], share), "s", quantile(peer["ages"], share),
                           f"{len(seen['ages'])} pictures, stalled {seen['stalls']} times, player's target {seen['target']:.2f} s, own figure "
                           f"{seen['own']:.2f} s, rates {min(seen['rates'])} to {max(seen['rates'])}; nginx-rtmp: hls.js, segments of 2 s, "
                           f"stalled {peer['stalls']} times")
