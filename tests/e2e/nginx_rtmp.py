"""nginx-rtmp as a server: what forwards are sent to, what publishers push through, and what players are compared with."""
import pathlib
import socket
import subprocess

from stack import free_port, wait_for

CONFIG = """
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
worker_processes 1; daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/error.log warn;
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; max_message 20M;
  application live {{ live on; record all; record_path {home}/live; record_unique on; }}
  application tls {{ live on; record all; record_path {home}/tls; record_unique on; }}
  {more} }} }}
"""


class Nginx:
    """Records each publication into a file of its own. push: where the application "push" sends its streams on to."""

    def __init__(self, home, push=None):
        self.home, self.port, self.child = pathlib.Path(home), free_port(), None
        for name in ("live", "tls"):
            (self.home / name).mkdir(parents=True)
            (self.home / name).chmod(0o777)
        more = f"application push {{ live on; push {push}; }}" if push else ""
        (self.home / "nginx.conf").write_text(CONFIG.format(home=home, port=self.port, more=more))
        self.home.chmod(0o755)
        self.start()

    def start(self):
        self.child = subprocess.Popen(["nginx", "-c", str(self.home / "nginx.conf"), "-p", str(self.home)], stdin=subprocess.DEVNULL)
        wait_for(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() is None, "nginx")

    def kill(self):
        self.child.kill()
        self.child.wait()

    def files(self, name="live"):
        return sorted((self.home / name).glob("*.flv"), key=lambda path: path.stat().st_mtime_ns)
