#!/usr/bin/env python3
"""Case 18 and what else may come to the RTMPS port: old versions, weak ciphers, other protocols, half handshakes, files that
change; beside a good publisher over RTMPS, live through all of it."""
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import types

from wire import NULL, Peer, flv_tags, is_header, send_realtime
from oracle import Oracle, no_secret_in_logs, same_frames
from stack import PATIENCE, Stack, check, fetch, main, make_clip, packets, wait_for


def make_certificate(directory, name, days=10, key="ec"):
    """<name>.crt and <name>.key, self-signed; negative days: expired."""
    kind = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}[key]
    crt, pem, request = (directory / f"{name}.{kind_of}" for kind_of in ("crt", "key", "csr"))
    for command in (["req", *kind, "-nodes", "-keyout", pem, "-out", request, "-subj", f"/CN={name}"],
                    ["x509", "-req", "-in", request, "-signkey", pem, "-out", crt, "-days", str(days)]):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return crt, pem


def s_client(port, *options, typed=b""):
    """openssl s_client until it ends by itself or the input does; (exit code, output)."""
    result = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options], input=typed, capture_output=True,
                            timeout=30 * PATIENCE)
    return result.returncode, (result.stdout + result.stderr).decode(errors="replace")


def names(oracle, options=()):
    """The certificate's common name, as a client is shown it."""
    code, text = s_client(oracle.tls_port, *options)
    check(code == 0, f"s_client: {text}")
    return next(line.split("CN = ")[1].strip() for line in text.splitlines() if line.startswith("subject="))


def metric(oracle, name):
    _, _, body = fetch(f"http://127.0.0.1:{oracle.ops_port}/metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in body.decode().splitlines() if line.startswith(f"millrace_ingest_{name}"))


def versions_and_ciphers(oracle):
    """18: TLS 1.0 and 1.1 are refused, 1.2 and 1.3 spoken, ciphers without forward secrecy or authentication refused."""
    weak = ["-cipher", "ALL:@SECLEVEL=0"]
    for version in ("-tls1", "-tls1_1"):
        code, text = s_client(oracle.tls_port, version, *weak)
        check(code != 0 and "alert" in text, f"{version} is refused with an alert: {text}")
    for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        code, text = s_client(oracle.tls_port, version)
        check(code == 0 and f"Protocol  : {name}" in text or f"New, {name}" in text, f"{name} is spoken: {text}")
    for cipher in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "NULL", "aNULL", "DES-CBC3-SHA"):
        code, _ = s_client(oracle.tls_port, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
        check(code != 0, f"{cipher} is refused")
    check("Compression: NONE" in s_client(oracle.tls_port, "-tls1_2")[1], "nothing is compressed")


def names_and_client_certificates(oracle):
    """18: a name that is not ours in SNI, and an expired certificate of the client's, which nobody asked for."""
    check(names(oracle, ("-servername", "elsewhere.example")) == "first", "another name in SNI")
    expired = make_certificate(oracle.directory, "expired", days=-1)
    code, text = s_client(oracle.tls_port, "-cert", expired[0], "-key", expired[1])
    check(code == 0 and "No client certificate CA names sent" in text, f"a client's certificate is not asked for: {text}")


def renegotiation(oracle):
    """18: a client that wants to renegotiate is refused."""
    # The client may be gone before the answer comes: then once more.
    wait_for(lambda: "no renegotiation" in s_client(oracle.tls_port, "-tls1_2", typed=b"R\n")[1], "the alert no_renegotiation", 20)


def other_protocols(oracle):
    """18: RTMP and HTTP on the RTMPS port, TLS on the RTMP port: closed at once, and said in the log."""
    for what in (b"\x03" + os.urandom(1536), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 100, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"):
        with Peer(oracle.tls_port) as peer:
            peer.send(what)
            check(peer.is_closed(2.5), f"{what[:4]} on the RTMPS port is closed")
    try:
        Peer(oracle.port, tls=True)
        check(False, "TLS on the RTMP port")
    except (ssl.SSLError, OSError):
        pass
    log = oracle.stack.home / "logs/ingest/current"
    for event in ('no TLS on the RTMPS port peer="127.0.0.1" why="RTMP"', 'why="HTTP"', 'no RTMP on the RTMP port peer="127.0.0.1" what="TLS"'):
        # A process of its own writes the log.
        wait_for(lambda event=event: event in log.read_text(), f"the log to say: {event}", 10)


def client_hello():
    """The first flight of a real client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def half_handshakes(oracle):
    """18: 200 clients that stop in the middle of their hello, after it, or say nothing, cost their deadline only."""
    hello = client_hello()
    before = metric(oracle, "timeouts_total")
    peers = [Peer(oracle.tls_port) for _ in range(200)]
    for index, peer in enumerate(peers):
        peer.send((hello[:100], hello, b"\x16", b"")[index % 4])
    with Peer(oracle.tls_port, tls=True) as good:
        good.handshake().connect()
    closed = sum(peer.is_closed(8 * PATIENCE if index == 0 else 2) for index, peer in enumerate(peers))
    for peer in peers:
        peer.socket.close()
    check(closed == len(peers), f"closed {closed} of {len(peers)} half handshakes")
    check(metric(oracle, "timeouts_total") - before >= len(peers), "each is counted")


def broken_records(oracle):
    """18: garbage inside of an established connection, and one cut off in mid-record."""
    for rubbish in (os.urandom(500), b"\x17\x03\x03\xff\xff" + os.urandom(64), b"\x15\x03\x03\x00\x02\x02\x28"):
        peer = Peer(oracle.tls_port, tls=True)
        raw = socket.socket(fileno=os.dup(peer.socket.fileno()))
        peer.handshake().connect()
        raw.settimeout(5)
        raw.sendall(rubbish)
        raw.shutdown(socket.SHUT_WR)
        ended = False
        try:
            while raw.recv(65536):
                pass
            ended = True
        except ConnectionError:
            ended = True
        raw.close()
        peer.socket.close()
        check(ended, f"closed after {rubbish[:3]}")


def reloads(oracle, code, words):
    result = oracle.stack.command("reload")
    check(result.returncode == code and words in result.stdout + result.stderr, f"reload: {result.returncode} {result.stdout}{result.stderr}")


def changed_files(oracle):
    """18: certificate and key are exchanged, first only one of them: new clients get the new pair, nobody live is touched."""
    def tls_health():
        report = json.loads(fetch(f"http://127.0.0.1:{oracle.ops_port}/readyz")[2])
        return next((c["state"], c.get("reason", "")) for c in report["components"] if c["component"] == "tls")

    second = make_certificate(oracle.directory, "second", key="rsa")
    check(names(oracle) == "first", "the first certificate serves")
    reloads(oracle, 0, "nothing has changed")
    shutil.copy(second[0], oracle.crt)
    reloads(oracle, 1, f"the old pair serves on: {oracle.key} is not the key of {oracle.crt}")
    wait_for(lambda: tls_health()[0] == "degraded", "the mismatch to be told", 10)
    check("is not the key of" in tls_health()[1], f"with the reason: {tls_health()}")
    check(names(oracle) == "first", "the old pair serves on")
    check(metric(oracle, "tls_certificate_failed_total") >= 1, "and it is counted")
    reloads(oracle, 1, "is not the key of")  # each time it is asked, though it is no news
    live = Peer(oracle.tls_port, tls=True)
    live.handshake().connect()
    shutil.copy(second[1], oracle.key)
    os.kill(oracle.pid, signal.SIGHUP)
    wait_for(lambda: names(oracle) == "second", "the new pair to serve", 10)
    wait_for(lambda: tls_health()[0] == "ready", "health to be well again", 10)
    live.command("createStream", 2, b"\x05").expect(b"_result")
    live.socket.close()
    reloads(oracle, 0, "nothing has changed")
    # And without a signal, by looking at the files.
    third = make_certificate(oracle.directory, "third")
    oracle.crt.unlink()
    shutil.copy(third[0], oracle.crt)
    shutil.copy(third[1], oracle.key)
    wait_for(lambda: names(oracle) == "third", "changed files to be found", 15)
    reloads(oracle, 0, "the new certificate and key")  # taken since it was asked last
    reloads(oracle, 0, "nothing has changed")


CASES = (versions_and_ciphers, names_and_client_certificates, renegotiation, other_protocols, half_handshakes, broken_records, changed_files)


def no_key_in_logs(oracle):
    for key in oracle.directory.glob("*.key"):
        lines = [line for line in key.read_text().splitlines() if len(line) > 40]
        for log in (oracle.stack.home / "logs").rglob("current"):
            text = log.read_text(errors="replace")
            check(not any(line in text for line in lines), f"{key.name} is in {log.parent.name}'s log")


def play(stack, clip):
    """A player over RTMPS: what it got is a run of what was published."""
    copy = stack.home / "played.flv"
    player = stack.spawn("ffmpeg", "-hide_banner", "-loglevel", "error", "-i", stack.info["rtmps_url"].rsplit("/", 1)[0] + f"/{stack.stream_id}",
                         "-c", "copy", "-t", "4", str(copy))
    check(player.wait(timeout=60 * PATIENCE) == 0, "ffmpeg plays over RTMPS")
    sent, got = [[digest for _, digest in packets(path)] for path in (clip, copy)]
    check(len(got) > 60 and "".join(got) in "".join(sent), f"{len(got)} pictures, a run of the clip's {len(sent)}")


def media_with_publish(oracle, clip, tls):
    """publish, metadata, headers and the first pictures in one segment, before any answer."""
    tags = [tag for tag in flv_tags(clip) if tag[1] < 3000]
    first = next(i for i, tag in enumerate(tags) if tag[1] > 400)
    key = oracle.stack.info["publish_url"].rsplit("/", 1)[1]
    already = len(oracle.stack.recordings())
    with Peer(oracle.tls_port if tls else oracle.port, tls=tls) as peer:
        peer.handshake().connect()
        peer.command("createStream", 2, NULL).expect(b"_result")
        socket, parts = peer.socket, []
        peer.socket = types.SimpleNamespace(sendall=parts.append)
        peer.publish_command(key)
        for tag in tags[:first]:
            peer.media(tag)
        peer.socket = socket
        peer.send(b"".join(parts)).expect(b"NetStream.Publish.Start")
        send_realtime(peer, tags[first:], speed=2)
    recording = oracle.stack.wait_recordings(already + 1)[-1]
    sent, got = [[digest for _, digest in packets(path)] for path in (clip, recording)]
    pictures = sum(1 for tag in tags if tag[0] == 9 and not is_header(tag))
    check(got == sent[:pictures], f"{len(got)} pictures of {pictures}")


def rtmps():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="millrace-tls-"))
    try:
        crt, key = make_certificate(directory, "first")
        served = directory / "served.crt", directory / "served.key"
        shutil.copy(crt, served[0])
        shutil.copy(key, served[1])
        with Stack(SSL_CERT=str(served[0]), SSL_KEY=str(served[1]), SSL_CHECK_RELOAD_SECONDS="1", HANDSHAKE_SECONDS="3") as stack:
            clip = make_clip(stack.home / "clip.flv", seconds=45)
            publisher = stack.publish(clip, url=stack.info["rtmps_url"])
            wait_for(stack.playlist, "a playlist")
            oracle = Oracle(stack)
            oracle.directory, oracle.crt, oracle.key = directory, *served
            oracle.tls_port = int(stack.info["rtmps_url"].split(":")[2].split("/")[0])
            oracle.ops_port = next(s["ops_port"] for s in stack.status()["services"] if s["name"] == "ingest")
            with oracle.case("a player over RTMPS"):
                play(stack, clip)
            for run in CASES:
                with oracle.case(run.__doc__.split("\n")[0]):
                    run(oracle)
                check(publisher.poll() in (None, 0), f"the good publisher was hurt by {run.__name__}")
            check(publisher.wait(timeout=120) == 0, "the good publisher ended well")
            same_frames(clip, stack.wait_recordings()[0])
            check(len(stack.recordings()) == 1, "one publication all the time")
            for tls in (True, False):
                with oracle.case(media_with_publish.__doc__ + (" RTMPS" if tls else " RTMP")):
                    media_with_publish(oracle, clip, tls)
            no_secret_in_logs(stack)
            no_key_in_logs(oracle)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(rtmps)
