"""What the benchmarks share: which core is whose, what a process has used, and the table of results."""
import os
import pathlib
import re
import subprocess

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
