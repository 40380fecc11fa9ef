"""What is put before packaging, as docs/examples has it: nginx with TLS and HTTP/2, Varnish. And what reaches packaging through them.

    with varnish(port) as base: …
"""
import concurrent.futures
import contextlib
import pathlib
import re
import signal
import ssl
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

from stack import ROOT, check, fetch, free_port, wait_for

EXAMPLES = ROOT / "docs/examples"
MAIN = """
worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/error.log warn;
events {{ worker_connections 2048; }}
http {{ access_log off; include {home}/delivery.conf; }}
"""


def configured(name, *changes):
    """An example with what its head says is to be changed."""
    text = (EXAMPLES / name).read_text()
    for old, new in changes:
        check(old in text, f"{old} is in {name}")
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def running(home, *command):
    with open(home / "output.log", "wb") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()


@contextlib.contextmanager
def front_home():
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as name:
        home = pathlib.Path(name)
        home.chmod(0o755)  # servers become other users
        yield home


@contextlib.contextmanager
def nginx(origin, segments=None):
    """Its address; segments: the port of the Varnish that it asks for these."""
    with front_home() as home:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", str(home / "delivery.key"), "-out", str(home / "delivery.crt")], check=True, capture_output=True)
        port = free_port()
        behind = [("127.0.0.1:8000;    # or Varnish", f"127.0.0.1:{segments};"), ("# proxy_buffering off;    # with Varnish", "proxy_buffering off; #")]
        (home / "delivery.conf").write_text(configured(
            "nginx-delivery.conf", *(behind if segments else []), ("127.0.0.1:8000", f"127.0.0.1:{origin}"), ("listen 443", f"listen 127.0.0.1:{port}"), ("/var/cache/nginx/millrace", f"{home}/cache"), ("/etc/nginx/tls/delivery", f"{home}/delivery")))
        (home / "nginx.conf").write_text(MAIN.format(home=home))
        with running(home, "nginx", "-c", str(home / "nginx.conf"), "-p", str(home)):
            wait_for(lambda: ask(f"https://127.0.0.1:{port}/")[0] == 404, "nginx")
            yield f"https://127.0.0.1:{port}"


@contextlib.contextmanager
def varnish(origin):
    """Its address."""
    with front_home() as home:
        port = free_port()
        (home / "millrace.vcl").write_text(configured("varnish.vcl", ('.port = "8000"', f'.port = "{origin}"')))
        with running(home, "varnishd", "-F", "-n", str(home / "varnish"), "-a", f"127.0.0.1:{port}", "-f", str(home / "millrace.vcl"), "-s", "malloc,64m",
                     "-j", "none", "-T", "none"):
            wait_for(lambda: ask(f"http://127.0.0.1:{port}/")[0] == 404, "Varnish")
            yield f"http://127.0.0.1:{port}"


def open_url(url, headers=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=60, context=context)


def ask(url, headers=None):
    """(status, headers, body)"""
    try:
        with open_url(url, headers) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class Origin:
    """Requests that reach packaging."""

    def __init__(self, stack):
        port = next(s["ops_port"] for s in stack.status()["services"] if s["name"] == "packaging")
        self.metrics = f"http://127.0.0.1:{port}/metrics"

    def requests(self):
        text = fetch(self.metrics)[2].decode()
        return int(float(re.search(r'^millrace_http_requests_total\{[^}]*"hls"[^}]*\} (\S+)$', text, re.M).group(1)))


def all_at_once(urls, headers=None):
    """The answers to as many viewers, who ask in one moment."""
    start = threading.Barrier(len(urls))

    def view(url):
        start.wait()
        return ask(url, headers)

    with concurrent.futures.ThreadPoolExecutor(len(urls)) as pool:
        return list(pool.map(view, urls))
