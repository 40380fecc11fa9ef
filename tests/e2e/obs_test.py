#!/usr/bin/env python3
"""OBS Studio, driven over its WebSocket, publishes and is played over RTMP and HLS; its connection is cut, it comes back by itself, and
viewers and the recording go on."""
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

from stack import Stack, check, fetch, free_port, main, need, packets, wait_for
from websocket_client import WebSocket

GLOBAL = """[General]
FirstRun=true
LastVersion=486539266
EnableAutoUpdates=false
ConfirmOnExit=false
[Basic]
Profile=Test
ProfileDir=Test
[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort={port}
AuthRequired=false
AlertsEnabled=false
"""
PROFILE = """[General]
Name=Test
[Video]
BaseCX=320
BaseCY=180
OutputCX=320
OutputCY=180
FPSType=1
FPSInt=10
[Output]
Mode=Advanced
Reconnect=true
RetryDelay=2
MaxRetries=20
[AdvOut]
Encoder=obs_x264
TrackIndex=1
[Audio]
SampleRate=48000
ChannelSetup=Stereo
"""
ENCODER = {"preset": "ultrafast", "rate_control": "CBR", "bitrate": 300, "keyint_sec": 1}


class Relay:
    """A TCP connection's way to the server that can be cut."""

    def __init__(self, port):
        self.target, self.pairs = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """Both sides get a reset, in mid-stream."""
        for pair in self.pairs:
            for end in pair:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()
        self.pairs.clear()


class Obs:
    """OBS Studio under Xvfb with a home of its own. Requests are those of obs-websocket 5."""

    def __init__(self, stack):
        self.home = stack.home / "obs"
        self.log = open(stack.home / "obs.log", "wb")
        port = free_port()
        profile = self.home / ".config/obs-studio/basic/profiles/Test"
        profile.mkdir(parents=True)
        (self.home / ".config/obs-studio/global.ini").write_text(GLOBAL.format(port=port))
        (profile / "basic.ini").write_text(PROFILE)
        (profile / "streamEncoder.json").write_text(json.dumps(ENCODER))
        # Qt and X want a runtime directory that is theirs alone.
        self.runtime = tempfile.mkdtemp(prefix="millrace-obs-")
        self.environment = {**os.environ, "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config"), "XDG_RUNTIME_DIR": self.runtime,
                            "LIBGL_ALWAYS_SOFTWARE": "1", "QT_QPA_PLATFORM": "xcb"}
        self.display(stack)
        self.process = subprocess.Popen(["obs", "--multi", "--minimize-to-tray", "--disable-updater"], env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        stack.children.append(self.process)
        self.socket = wait_for(lambda: self.open(port), "OBS to listen for its WebSocket", 60)
        self.requests = 0

    def display(self, stack):
        """Xvfb chooses a free number itself and tells it."""
        read_end, write_end = os.pipe()
        server = subprocess.Popen(["Xvfb", "-displayfd", str(write_end), "-screen", "0", "640x480x24", "-nolisten", "tcp"],
                                  pass_fds=[write_end], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        stack.children.append(server)
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            number = pipe.readline().strip()
        check(number, "Xvfb runs")
        self.environment["DISPLAY"] = f":{number}"

    def open(self, port):
        check(self.process.poll() is None, "OBS runs")
        connection = WebSocket(port)
        check(json.loads(connection.recv())["op"] == 0, "Hello")
        connection.send(json.dumps({"op": 1, "d": {"rpcVersion": 1, "eventSubscriptions": 0}}))
        check(json.loads(connection.recv())["op"] == 2, "Identified")
        return connection

    def request(self, kind, **data):
        self.requests += 1
        self.socket.send(json.dumps({"op": 6, "d": {"requestType": kind, "requestId": str(self.requests), "requestData": data}}))
        while (answer := json.loads(self.socket.recv()))["op"] != 7:
            pass
        return answer["d"]["requestStatus"], answer["d"].get("responseData", {})

    def ask(self, kind, **data):
        """The answer. OBS says that it is not ready while it starts."""
        def answered():
            result, answer = self.request(kind, **data)
            check(result["result"] or result["code"] == 207, f"{kind}: {result}")
            return result["result"] and (answer or True)
        return wait_for(answered, f"OBS to do {kind}", 30)

    def publish(self, server, key):
        scene = self.ask("GetSceneList")["currentProgramSceneName"]
        self.ask("CreateInput", sceneName=scene, inputName="picture", inputKind="color_source_v3",
                 inputSettings={"color": 0xFF2080C0, "width": 320, "height": 180})
        self.ask("SetStreamServiceSettings", streamServiceType="rtmp_custom", streamServiceSettings={"server": server, "key": key})
        self.ask("StartStream")

    def close(self):
        self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.runtime, ignore_errors=True)


def probe(url):
    """The codec names that ffprobe finds."""
    result = subprocess.run(["ffprobe", "-v", "error", "-rw_timeout", "15000000", "-show_entries", "stream=codec_name,width", "-of", "json", url],
                            capture_output=True, text=True, timeout=60)
    check(result.returncode == 0, f"ffprobe {url}: {result.stderr}")
    streams = [s for s in json.loads(result.stdout)["streams"] if "codec_name" in s]
    check({"h264", "aac"} <= {s["codec_name"] for s in streams}, f"{url}: {streams}")
    check(all(s.get("width", 320) == 320 for s in streams), f"{url}: {streams}")


def goes_on(stack, obs, relay, before):
    relay.cut()
    wait_for(lambda: obs.ask("GetStreamStatus")["outputReconnecting"], "OBS to notice")
    after = wait_for(lambda: (p := stack.playlist()) and p.segments and p.segments[-1][0] >= before.last + 4 and p, "the stream to go on by itself", 40)
    check(obs.ask("GetStreamStatus")["outputActive"], "OBS publishes again")
    check(after.media_sequence >= before.media_sequence and not after.ended, "the same playlist goes on")
    breaks = sum(segment[3] for segment in after.segments) + after.discontinuity_sequence - before.discontinuity_sequence
    check(breaks == 1, f"one discontinuity\n{after.text}")
    for _, url, _, _, _ in after.segments:
        check(fetch(url)[0] == 200, "every listed segment is there")


def obs_studio():
    need("obs", "Xvfb")
    with Stack() as stack:
        address, key = stack.info["publish_url"].rsplit("/", 1)
        relay = Relay(int(address.rsplit(":", 1)[1].split("/")[0]))
        obs = Obs(stack)
        try:
            obs.publish(f"rtmp://127.0.0.1:{relay.port}/live", key)
            before = wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 2 and p, "two segments of OBS", 60)
            print(obs.ask("GetVersion")["obsVersion"], "publishes", flush=True)
            probe(f"{address}/{stack.stream_id}")
            probe(stack.info["hls_url"])
            goes_on(stack, obs, relay, before)
            probe(f"{address}/{stack.stream_id}")
            obs.ask("StopStream")
            recording = stack.wait_recordings(1, 40)[0]
            time.sleep(1)
            check(stack.recordings() == [recording], f"one recording: {stack.recordings()}")
            times = sorted(moment for moment, _ in packets(recording))
            gaps = [b - a for a, b in zip(times, times[1:]) if b - a > 0.5]
            check(len(gaps) == 1 and gaps[0] < 15, f"it goes on behind one gap: {gaps}")
            print(f"back after {gaps[0]:.1f} s, {len(times)} pictures in one recording")
        finally:
            obs.close()


main(obs_studio)
