"""What the benchmarks share: which core is whose, what a process has used, and the table of results."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stack import free_port, wait_for  # noqa: E402

BUILD = pathlib.Path(os.environ.get("MILLRACE_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/release"))
SERVER_CORE, CLIENT_CORE = "0", "1"
RESULTS = []


def report(measure, value, unit, peer=None, note="", bare=None):
    """peer: the same figure of nginx-rtmp in this run; ratio below 1 means that Millrace needs less. bare: of a socket loop that does
    nothing else with the bytes."""
    RESULTS.append({"measure": measure, "value": round(value, 4), "unit": unit, "peer": None if peer is None else round(peer, 4),
                    "ratio": round(value / peer, 3) if peer else None, "bare": None if bare is None else round(bare, 4), "note": note})


def pin(pid, core=SERVER_CORE):
    subprocess.run(["taskset", "-acp", core, str(pid)], check=True, stdout=subprocess.DEVNULL)


def anonymous_kb(pid):
    return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running_nginx(configuration, prepare):
    """nginx with a configuration that has {home} and {port}; prepare(home) puts there what it needs. Gives the port and the worker's pid."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-", dir="/dev/shm"))
    home.chmod(0o755)
    prepare(home)
    port = free_port()
    (home / "nginx.conf").write_text(configuration.format(home=home, port=port))
    child = subprocess.Popen(["nginx", "-c", str(home / "nginx.conf"), "-p", str(home)])
    try:
        worker = wait_for(lambda: subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, text=True).stdout.split(), "nginx")[0]
        pin(worker)
        yield port, int(worker)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()
        shutil.rmtree(home, ignore_errors=True)
