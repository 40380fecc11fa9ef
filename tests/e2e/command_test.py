#!/usr/bin/env python3
"""The millrace command: what stops it says so before any work, a second up harms nothing, Ctrl-C drains, down leaves nothing,
restarts keep keys, secrets are where they belong."""
import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

from stack import ROOT, SERVICES, Stack, check, fetch, main, need, wait_for

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
OWN_SECRETS = {"auth": {"MILLRACE_SECRET", "API_TOKEN_SECRET", "PLAYBACK_SECRET", "DATABASE_URL"}, "packaging": {"PLAYBACK_SECRET"},
               "api": {"PLAYBACK_SECRET"}}


def commands(directory, **scripts):
    """A directory for the front of PATH with shell scripts of these names."""
    directory.mkdir()
    for name, text in scripts.items():
        (directory / name).write_text("#!/bin/sh\n" + text)
        (directory / name).chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"


def without(directory, *names):
    """A PATH that has everything but these."""
    directory.mkdir()
    for place in reversed(os.environ["PATH"].split(":")):
        for program in pathlib.Path(place).glob("*"):
            if program.name not in names:
                link = directory / program.name
                link.unlink(missing_ok=True)
                link.symlink_to(program)
    return str(directory)


def refused_before_the_build():
    """A busy port and settings that cannot be read, while a build that is begun would leave a mark."""
    stack = Stack()
    mark = stack.home / "built"
    stack.environment["PATH"] = commands(stack.home / "bin", **{name: f"touch '{mark}'; exit 1\n" for name in ("cmake", "ninja", "apt-get", "npm")})
    stack.environment.pop("MILLRACE_BIN", None)
    with socket.socket() as taken, socket.socket() as other:
        for listener in (taken, other):
            listener.bind(("0.0.0.0", 0))
            listener.listen()
        port, second = (str(listener.getsockname()[1]) for listener in (taken, other))
        busy = tuple(f"port {number} is in use; set {name} to another one\n" for name, number in (("RTMP_PORT", port), ("API_OPS_PORT", second)))
        for code, variables, words in ((69, {"RTMP_PORT": port}, busy[:1]), (69, {"RTMP_PORT": port, "API_OPS_PORT": second}, busy), (64, {"HLS_PORT": "x"}, ("HLS_PORT", "'x'")),
                                       (64, {"HLS_PORT": "1", "PORT": "01"}, ("two services",)), (64, {"DRAIN_SECONDS": "soon"}, ("DRAIN_SECONDS", "soon"))):
            stack.environment.update(variables)
            result = stack.command("up", "--detach")
            check(result.returncode == code and all(word in result.stderr for word in words), f"{variables}: {result.returncode} {result.stderr}")
            check(not mark.exists(), f"nothing is built before {variables} is refused")
            stack.environment.update({name: "0" for name in variables})
    stack.close()


def phase(script, terminal=False):
    """What a phase of up says: (exit code, stdout, stderr)."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["bash", "-euc", f'ROOT=$1; BUILD=$1/build; source "{ROOT}/tools/millrace/build.sh"; PROGRESS_SECONDS=1; PATH=$1:$PATH; {script}', "-", directory]
        if not terminal:
            result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            return result.returncode, result.stdout.replace(directory, "ROOT"), result.stderr.replace(directory, "ROOT")
        parent, child = pty.openpty()
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=child, stderr=subprocess.PIPE) as process:
            os.close(child)
            shown = b""
            try:
                while part := os.read(parent, 4096):
                    shown += part
            except OSError:  # as a terminal ends
                pass
            os.close(parent)
            process.communicate()
            return process.returncode, shown.decode().replace(directory, "ROOT"), ""


def phases_are_told():
    """What takes minutes says what it is, how far it is and where its log is; what fails says why."""
    slow = 'slow() { for i in 1 2 3; do echo "[$i/3] part $i"; sleep 1; done; }; run_phase "Building it" "$1/logs/build.log" "^[[]" slow; echo after'
    code, out, err = phase(slow)
    check(code == 0 and out.startswith("Building it … (log: ROOT/logs/build.log)\n") and out.endswith("after\n") and not err, f"{code} {out} {err}")
    check(re.search(r"^  [1-9] s: \[[123]/3\] part [123]$", out, re.M), f"how far it is: {out}")
    code, out, _ = phase(slow, terminal=True)
    check(code == 0 and "\r\x1b[K[2/3] part 2" in out and "[3/3]" in out and out.endswith("\r\x1b[Kafter\r\n"), f"in one line: {out!r}")
    ninja = ('ninja() { seq 100; echo "FAILED: a.o"; echo "a.cpp:1: error: it broke"; seq 100000; return 1; }; '
             'build_targets "$1/tree" programs; echo after')
    code, out, err = phase(ninja)
    check(code == 1 and "after" not in out and "a.cpp:1: error: it broke" in err and err.endswith("all of it is in ROOT/tree/build.log\n"), f"{code} {out} {err}")
    check(len(err.splitlines()) < 40 and "tree" in out, f"the lines that matter: {err}")
    interrupted = """run_phase "Building it, which takes long" "$1/b.log" . sh -c 'kill -INT "$PPID"; exit 2'; echo after"""
    code, out, err = phase(interrupted)
    check(code == 130 and "after" not in out and err == "millrace: interrupted: Building it; the next start goes on from there\n", f"{code} {out} {err}")
    # What an installed package starts goes on, and the lock of installing is free.
    code, out, err = phase('only_one; run_phase "Installing" "$1/i.log" . sh -c "sleep 30 & echo \\$! > $1/pid"; others_may; '
                           'flock -n "$(log_directory)/install.lock" true && echo free; kill "$(cat "$1/pid")"')
    check(code == 0 and "free" in out, f"{code} {out} {err}")
    packages = ('id() { echo 0; }; dpkg-query() { false; }; mkdir "$1/tools"; echo "build one" > "$1/tools/packages.txt"; '
                'apt-get() { [[ " $* " != *" update "* ]] || { echo "W: slow"; echo "E: no network"; return 100; }; }; need_packages build; echo after')
    code, out, err = phase(packages)
    check(code == 1 and "one" in out and "apt.log" in out and "E: no network" in err and "after" not in out, f"{code} {out} {err}")


def help_is_all_it_does():
    """Whoever asks for help gets it: nothing is installed, built or started, and no home is made."""
    home = tempfile.mkdtemp() + "/home"
    for arguments in (["test", "--help"], ["bench", "--help"], ["up", "-h"], ["check", "--help"], ["logs", "--help"], ["--help"]):
        result = subprocess.run([str(ROOT / "millrace"), *arguments], env={"PATH": "/usr/bin:/bin", "MILLRACE_HOME": home}, capture_output=True, text=True,
                                timeout=20, check=False)
        check(result.returncode == 0 and result.stdout.startswith("usage: ./millrace") and not result.stderr, f"{arguments}: {result}")
    check(not os.path.exists(home), "no home was made")


def missing_commands():
    stack = Stack()
    stack.environment.update(MILLRACE_BIN=str(BIN), PATH=without(stack.home / "bin", "jq", "curl", "ss"))
    result = stack.command("up", "--detach")
    check(result.returncode == 69 and "please install: curl jq" in result.stderr, f"names what is missing: {result.stderr}")
    stack.close()


def env_files():
    """One reader for .env and secrets.env: as docker compose v2 where that is clear, else the line's number and never its text."""
    def read(text, **environment):
        with tempfile.NamedTemporaryFile("w", suffix=".env", newline="") as file:
            file.write(text)
            file.flush()
            script = ('die() { echo "$1" >&2; exit "${2:-1}"; }; ROOT=$1; source "$1/tools/millrace/env.sh"; '
                      'OWN_SETTINGS+=(A B B_FILE C NGINX_PORT NGINX_BIN MASTER_KEY FFMPEG_PATH); A=environment; parse_env "$2"; read_env "$2"; '
                      'for n in "${!ENV_VALUES[@]}"; do printf "%s=%s\\0" "$n" "${!n:-}"; done')
            result = subprocess.run(["bash", "-euc", script, "-", str(ROOT), file.name], env={**os.environ, **environment}, capture_output=True,
                                    text=True, check=False)
            return result, dict(item.split("=", 1) for item in result.stdout.split("\0") if item)

    good = {
        " PRIVATE_STREAMS=true": {"PRIVATE_STREAMS": "true"}, "export B=1": {"B": "1"}, "\texport\tB = two words  # note": {"B": "two words"},
        "# note\n\n   # note\r\nB=1\r\nC=2": {"B": "1", "C": "2"}, "B=": {"B": ""}, "B='$x # \\n'": {"B": "$x # \\n"}, "B=a#b=c": {"B": "a#b=c"},
        'B="a\\n\\"b\\" \\\\ \\$x #" # note': {"B": 'a\n"b" \\ $x #'}, "\ufeffB=1": {"B": "1"}, "A=file": {"A": "environment"}, "B=1\nB=2": {"B": "2"},
        # As an older server's documents have it.
        "# NGINX\nNGINX_PORT = 1935\nNGINX_BIN  = /usr/local/nginx/sbin/nginx\n\n# FFMPEG (TBC)\n\nMASTER_KEY = 1234567890-SUPER-STRONG-KEY\n":
            {"NGINX_PORT": "1935", "NGINX_BIN": "/usr/local/nginx/sbin/nginx", "MASTER_KEY": "1234567890-SUPER-STRONG-KEY"},
        "FFMPEG_PATH=C:\\ffmpeg\\bin\\ffmpeg.exe": {"FFMPEG_PATH": "C:\\ffmpeg\\bin\\ffmpeg.exe"}}
    for text, values in good.items():
        result, got = read(text)
        check(result.returncode == 0 and got == values, f"{text!r}: {got} {result.stderr}")
    for line in ("hunter2", "=hunter2", "B hunter2=1", "set B=hunter2", "B: hunter2", "1B=hunter2", 'B="hunter2', "B='hunter2", "B='hunter2'x",
                 'B="hunter2\\q"', "B=$hunter2", "B=${hunter2}", 'B="$hunter2"', "B=#hunter2"):
        result, _ = read(f"# note\n\nC=1\n{line}\n")
        check(result.returncode == 64 and "line 4" in result.stderr and "hunter2" not in result.stderr, f"{line!r}: {result.stderr}")
    # A secret has two forms: the environment wins with either, one file has one.
    for text, name, value in (("B_FILE=file\n", "B", "environment"), ("B=file\n", "B_FILE", "environment")):
        result, got = read(text, **{name: value})
        check(result.returncode == 0 and set(got.values()) == {""}, f"{text!r} where {name} is set: {got} {result.stderr}")
    result, got = read("SSL_CERT=/crt\n", SSL_CERT_FILE="/authorities")
    check(got == {"SSL_CERT": "/crt"}, f"what is no secret has one form: {got} {result.stderr}")
    result, got = read("B=\nB_FILE=/file\n", B="")
    check(got == {"B": "", "B_FILE": "/file"}, f"an empty form is none: {got} {result.stderr}")
    result, _ = read("# note\nB_FILE=file\nC=1\nB=hunter2\n")
    check(result.returncode == 64 and "lines 4 and 2: B and B_FILE are both set" in result.stderr and "hunter2" not in result.stderr, f"{result.stderr}")


def env_files_hold_settings_only():
    """What is no setting is not given to any program; what would change which programs run is refused, with its line."""
    taken = {"HLS_PORT": "8001", "SMTP_PASSWORD_FILE": "/password", "MILLRACE_BUILD_DIR": "/build", "MILLRACE_IMAGE": "image", "DOCKER_HOST": "unix:///x",
             "COMPOSE_PROJECT_NAME": "two", "AUTH_MEMORY": "2g", "SSL_DIRECTORY": "/ssl", "JOBS": "1", "http_proxy": "http://proxy", "NO_PROXY": "host"}
    others = {"HLS_PROT": "1", "GIT_SSH_COMMAND": "x", "TMPDIR": "/x", "CC": "x", "data": "x", "ROOT_DIRECTORY": "x"}
    refused = ("PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "BASH_FUNC_x", "BASHOPTS", "SHELLOPTS", "ENV", "IFS", "CDPATH", "GLOBIGNORE", "PS4",
               "PYTHONPATH", "NODE_OPTIONS")
    script = ('die() { echo "$1" >&2; exit "${2:-1}"; }; ROOT=$1; source "$1/tools/millrace/env.sh"; ENV_FILE=$2; read_env "$2"; '
              'warn_of_unknown_names; exec env -0')
    base = {name: value for name, value in os.environ.items() if name not in {**taken, **others}}
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / ".env"

        def read(text):
            file.write_text(text)
            result = subprocess.run(["bash", "-euc", script, "-", str(ROOT), str(file)], env=base, capture_output=True, text=True, check=False)
            return result, dict(item.split("=", 1) for item in result.stdout.split("\0") if "=" in item)
        result, given = read("".join(f"{name}={value}\n" for name, value in {**taken, **others}.items()))
        check(result.returncode == 0 and {name: given.get(name) for name in taken} == taken, f"settings are taken: {given} {result.stderr}")
        check(not set(others) & set(given), f"nothing else is: {set(others) & set(given)}")
        reported = set(re.findall(r"line [0-9]+: (\w+) is no variable", result.stderr))
        check(reported == set(others), f"and all that is not is reported: {result.stderr}")
        for name in refused:
            result, _ = read(f"# note\nHLS_PORT=1\n export {name} = hunter2\n")
            check(result.returncode == 64 and f"line 3: {name} is not taken" in result.stderr and "hunter2" not in result.stderr, f"{name}: {result.stderr}")


def documented():
    """{name: meaning} of docs/configuration.md."""
    return dict(re.findall(r"^\| `([A-Z0-9_]+)` \|.*\| (.*) \|$", (ROOT / "docs/configuration.md").read_text(), re.M))


def relative_paths():
    """A path of .env counts from .env, one of the environment from where the command is called: whatever the setting."""
    script = ('die() { echo "$1" >&2; exit "${2:-1}"; }; ROOT=$1; source "$1/tools/millrace/env.sh"; fix_relative_paths; read_env "$2"; '
              'echo "${PATH_SETTINGS[*]}"; for n in "${@:3}"; do printf "%s\n" "${!n}"; done')
    meanings = documented()
    secrets = set(re.findall(r"\| `([A-Z_]+)` \| secret \|", (ROOT / "docs/configuration.md").read_text()))
    paths = {name for name, meaning in meanings.items() if re.match(r"(PEM file|directory|state root)", meaning)}
    paths |= {"DATABASE_URL", "MILLRACE_BIN", "MILLRACE_BUILD_DIR"} | {f"{name}_FILE" for name in secrets - {"DATABASE_URL"}}
    check({"MILLRACE_HOME", "SSL_KEY", "MEDIA_ROOT", "SMTP_CA_FILE", "METRICS_TOKEN_FILE"} < paths, f"{paths}")
    others = {"VOD_DIRECTORY_NAME": "vod", "RTMP_BASE_URL": "rtmp://host", "PORT": "1"}
    with tempfile.TemporaryDirectory() as directory:
        home = pathlib.Path(directory).resolve()
        for name in ("project", "elsewhere"):
            (home / name).mkdir()
        values = {**{name: "a/../b c" for name in paths}, **others}
        names = sorted(values)
        (home / "project/.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        base = {name: value for name, value in os.environ.items() if name not in values}
        for given, file, place in (({}, "../project/.env", "project"), (values, "/dev/null", "elsewhere")):
            result = subprocess.run(["bash", "-euc", script, "-", str(ROOT), file, *names], env={**base, **given}, capture_output=True, text=True,
                                    cwd=home / "elsewhere", check=False)
            got = dict(zip(names, result.stdout.splitlines()[1:]))
            expected = {**{name: str(home / place / "b c") for name in paths}, **others}
            check(got == expected, f"{place}: {[(n, got.get(n)) for n in names if got.get(n) != expected[n]]} {result.stderr}")
        (home / "project/.env").write_text("DATABASE_URL=postgresql://host/base\nMEDIA_ROOT=\n")
        result = subprocess.run(["bash", "-euc", script, "-", str(ROOT), str(home / "project/.env"), "DATABASE_URL", "MEDIA_ROOT"], env=base,
                                capture_output=True, text=True, check=False)
        check(result.stdout.splitlines()[1:] == ["postgresql://host/base", ""], f"neither a URL nor nothing is a path: {result.stdout}{result.stderr}")


def one_home_from_everywhere():
    """MILLRACE_HOME of a file, relative: up, status and down mean the same stack wherever they are called, and so does a database."""
    stack = Stack(DRAIN_SECONDS="2")
    project, elsewhere = stack.home / "project", stack.home / "elsewhere"
    for directory in (project, elsewhere):
        directory.mkdir()
    (project / "settings.env").write_text("MILLRACE_HOME=state\nMEDIA_ROOT=media\n")
    (stack.home / "database").write_text("own.db\n")
    del stack.environment["MILLRACE_HOME"]
    stack.environment.update(MILLRACE_BIN=str(BIN), MILLRACE_ENV_FILE=str(project / "settings.env"), DATABASE_URL_FILE="../database")
    try:
        up = stack.command("up", "--detach", cwd=elsewhere)
        check(up.returncode == 0, f"{up.stdout}{up.stderr}")
        for directory in (project, stack.home, "/"):
            check(stack.command("status", cwd=directory).returncode == 0, f"status in {directory} finds it")
        check((project / "media").is_dir() and (project / "state/own.db").exists(), "what it keeps is beside what names it")
    finally:
        down = stack.command("down", cwd="/")
        stack.close()
    check("has stopped" in down.stdout, f"down in / stops it: {down.stdout}{down.stderr}")


def tests_have_their_own_settings():
    """A developer's settings, from .env or the environment, reach no test. In a copy whose build and ctest are ours."""
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as directory:
        home = pathlib.Path(directory)
        copy = home / "copy"
        shutil.copytree(ROOT / "tools", copy / "tools")
        (copy / "docs").mkdir()
        for name in ("millrace", "docs/configuration.md"):
            shutil.copy(ROOT / name, copy / name)
        (copy / ".env").write_text("DATABASE_URL_FILE=/nowhere\nPRIVATE_STREAMS=true\nMILLRACE_BIN=/nowhere\n")
        path = commands(home / "bin", cmake='mkdir -p "$4"\n', ninja="", npm="",
                        ctest=f"exec env > '{home}/given'\n", **{"dpkg-query": "echo install ok installed\n"})

        def run(*arguments, **environment):
            return subprocess.run([copy / "millrace", *arguments], env={**os.environ, "PATH": path, "MILLRACE_HOME": str(home / "state"), **environment},
                                  capture_output=True, text=True, timeout=60, check=False)
        result = run("test", "--quick", SMTP_PASSWORD="x", FORWARD_TARGETS_FILE="/nowhere", OPS_ADDRESS="10.0.0.5", MILLRACE_TEST_PATIENCE="3")
        check(result.returncode == 0, f"test: {result.stdout}{result.stderr}")
        given = dict(line.split("=", 1) for line in (home / "given").read_text().splitlines() if "=" in line)
        for name in ("SMTP_PASSWORD", "FORWARD_TARGETS_FILE", "OPS_ADDRESS", "DATABASE_URL_FILE", "PRIVATE_STREAMS", "MILLRACE_HOME"):
            check(name not in given, f"{name} leaks into tests")
        check(given.get("MILLRACE_BIN") != "/nowhere" and given["MILLRACE_TEST_PATIENCE"] == "3", "what tests are told stays")
        check(given["MILLRACE_ENV_FILE"] == "/dev/null", "the tests' own ups read no .env")
        # What is read in its place must be there.
        (home / "other").write_text("not a setting\n")
        for file, words in ((home / "other", "other, line 1"), (home / "none", "MILLRACE_ENV_FILE: there is no")):
            result = run("help", MILLRACE_ENV_FILE=str(file))
            check(result.returncode == 64 and words in result.stderr, f"{file}: {result.returncode} {result.stderr}")


def wanted_engine_is_no_skip():
    """Where an engine of the tests' own is asked for and cannot be, that fails: 77 would be a skip."""
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as directory:
        path = commands(pathlib.Path(directory) / "bin", unshare="exit 1\n")
        for wanted, code, words in (("1", 1, "needs root"), ("0", 77, "SKIPPED")):
            result = subprocess.run(["python3", "-c", "import engine; engine.Engine().__enter__()"], cwd=ROOT / "tests/compose", text=True,
                                    env={**os.environ, "PATH": path, "DOCKER_HOST": "unix:///nowhere", "MILLRACE_TEST_ENGINE": wanted},
                                    capture_output=True, timeout=60, check=False)
            check(result.returncode == code and words in result.stdout + result.stderr, f"{wanted}: {result.returncode} {result.stdout}{result.stderr}")


def what_has_to_run_is_no_skip():
    """A program or package that is not installed is a skip; in CI, where all of them are, a failure."""
    for wanted, code, words in (("1", 1, "no-such-program is not installed"), ("0", 77, "SKIPPED")):
        result = subprocess.run(["python3", "-c", "import stack; stack.main(lambda: stack.need('python3', 'no-such-program'))"], cwd=ROOT / "tests/e2e", text=True,
                                env={**os.environ, "MILLRACE_TEST_COMPLETE": wanted}, capture_output=True, timeout=60, check=False)
        check(result.returncode == code and words in result.stdout + result.stderr, f"{wanted}: {result.returncode} {result.stdout}{result.stderr}")


def keys_are_made():
    """keys makes what is missing and changes nothing that is there; nothing secret is shown."""
    with tempfile.TemporaryDirectory() as directory:
        home = pathlib.Path(directory) / "new"
        environment = {**os.environ, "MILLRACE_HOME": str(home), "MILLRACE_BIN": str(BIN), "MILLRACE_ENV_FILE": "/dev/null"}
        environment.pop("BUS_KEYS", None)

        def keys(*arguments, **given):
            result = subprocess.run([str(ROOT / "millrace"), "keys", *arguments], env={**environment, **given}, capture_output=True, text=True,
                                    timeout=60, check=False)
            check(result.returncode == 0, f"keys {arguments}: {result.returncode} {result.stderr}")
            return result.stdout + result.stderr

        def files(place):
            return {path.name: path.read_text() for path in place.iterdir()}
        said = keys()
        made = files(home / "keys")
        secrets = {f"{name}.secret" for name in (*SERVICES, "operator")}
        check(set(made) == secrets | {"peers"}, f"{sorted(made)}")
        check(sorted(line.split()[0] for line in made["peers"].splitlines()) == sorted((*SERVICES, "operator")), made["peers"])
        check(not any(made[name].strip() in said + made["peers"] for name in secrets), "a secret is shown")
        check(all((home / "keys" / name).stat().st_mode & 0o077 == 0 for name in secrets), "a secret is readable by others")
        (home / "keys/api.secret").unlink()
        said = keys()
        again = files(home / "keys")
        check(said.split() == ["made", f"{home}/keys/api.secret"], f"what is missing alone: {said}")
        check({**again, "api.secret": "", "peers": ""} == {**made, "api.secret": "", "peers": ""}, "what was there stays")
        check(again["peers"].startswith(made["peers"]) and len(again["peers"].splitlines()) == len(SERVICES) + 2, again["peers"])
        keys(BUS_KEYS=str(home / "by-variable"))
        keys(str(home / "by-argument"), BUS_KEYS=str(home / "unused"))
        check(set(files(home / "by-variable")) == set(files(home / "by-argument")) == set(made) and not (home / "unused").exists(), "where it was told")


def bad_starts():
    """What cannot start ends up at once, with the reason, and leaves nothing."""
    stack = Stack(MEDIA_LOG_BYTES="4096G")
    result = stack.command("up", "--detach")
    check(result.returncode != 0 and "ingest could not start" in result.stderr and "MEDIA_LOG_DIR's tmpfs" in result.stderr, f"{result.stderr}")
    check("not running" in stack.down().stdout, "nothing is left running")
    stack.close()
    stack = Stack()
    programs = stack.home / "bin"
    programs.mkdir()
    for name in SERVICES:
        (programs / f"millrace-{name}").symlink_to(BIN / f"millrace-{name}")
    (programs / "millrace-metrics").unlink()
    (programs / "millrace-metrics").write_text(f'#!/bin/sh\n[ $# -eq 0 ] || exec "{BIN}/millrace-metrics" "$@"\necho it broke\nexit 70\n')
    (programs / "millrace-metrics").chmod(0o755)
    stack.environment["MILLRACE_BIN"] = str(programs)
    # The last lines are of this start, not of one before it.
    log = stack.home / "logs/metrics/current"
    log.parent.mkdir(parents=True)
    log.write_text("of an older run\n")
    log.chmod(0o744)  # ended well: it is written on
    result = stack.command("up", "--detach")
    check(result.returncode != 0 and "metrics ends again and again" in result.stderr and "it broke" in result.stderr, f"{result.stderr}")
    check("of an older run" in log.read_text() and "of an older run" not in result.stderr, f"lines of this run only: {result.stderr}")
    check("not running" in stack.down().stdout, "nothing is left running")
    stack.close()


def environment_of(pid):
    return dict(item.split("=", 1) for item in pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in item)


def secrets_are_private(stack):
    for path in [stack.home / name for name in ("secrets.env", "run/info.json")] + list((stack.home / "run/s6").glob("*/secrets/*")):
        check(os.stat(path).st_mode & 0o077 == 0, f"{path} is readable by others")
    key = stack.info["publish_url"].rsplit("/", 1)[1]
    check(key.startswith("sk_") and len(key) == 35, f"key shape: {len(key)}")
    secrets = set(re.findall(r"\| `([A-Z_]+)` \| secret \|", (ROOT / "docs/configuration.md").read_text()))
    values = [line.split("=", 1)[1] for line in (stack.home / "secrets.env").read_text().splitlines() if "SECRET=" in line]
    supervisor = int((stack.home / "run/svscan.pid").read_text())
    for name, pid in [("s6-svscan", supervisor)] + [(s["name"], s["pid"]) for s in stack.status()["services"]]:
        check(key not in pathlib.Path(f"/proc/{pid}/cmdline").read_text(), "the key is on a command line")
        given = environment_of(pid)
        check(not any(value in given.values() for value in values), f"{name} has a secret in its environment")
        files = {variable[:-5] for variable in given if variable.endswith("_FILE") and variable[:-5] in secrets}
        check(files == OWN_SECRETS.get(name, set()), f"{name} is given its own secrets: {files}")
    called = (stack.home / "called").read_text()
    check("jq" in called and "curl" in called, "calls are seen")
    check(not any(secret in called for secret in [key, stack.info["token"], *values]), "a secret was on a command line")


def age_token(file):
    """The token of up as it is a minute before its end."""
    file.write_text(json.dumps({**json.loads(file.read_text()), "token": "old", "token_until": int(time.time()) + 60}))


def token_is_renewed(stack):
    file = stack.home / "run/info.json"
    first = json.loads(file.read_text())
    check(0 < first["token_until"] - time.time() <= 3600, "the token of up lives an hour")
    check(stack.status()["token"] == first["token"], "status keeps a fresh token")
    age_token(file)
    renewed = stack.status()
    check(renewed["token_until"] > time.time() + 1800, "status renews an old one")
    answer = fetch(f"{renewed['api_url']}/api/stream/key", {"Authorization": f"Bearer {renewed['token']}"})
    check(answer[0] == 200 and json.loads(answer[2])["streamId"] == first["stream_id"], f"which is the owner's: {answer}")
    check(file.stat().st_mode & 0o077 == 0, "and as private")


def the_key_is_the_one_that_publishes(stack):
    """Replaced since up."""
    before = stack.info["publish_url"]
    said = stack.command("auth", "--regenerate-key", stack.stream_id)
    key = said.stdout.strip()
    check(said.returncode == 0 and key.startswith("sk_"), f"another key: {said.stdout}{said.stderr}")
    after = stack.status()["publish_url"]
    check(after != before and after.endswith("/" + key), f"status names {after}, not {key}")
    again = stack.command("up", "--detach").stdout
    check(key in again and before not in again, f"a second up too: {again}")
    stack.info = stack.status()


def commands_say_what_is_so(stack):
    for command, word in (("--make-private", "private"), ("--make-public", "public"), ("--ban", "banned"), ("--unban", "not banned")):
        said = stack.command("auth", command, stack.stream_id)
        check((said.returncode, said.stdout) == (0, f"{stack.stream_id} is {word}\n"), f"{command}: {said.returncode} {said.stdout}{said.stderr}")


def logs_are_of_services(stack):
    said = stack.command("logs", "nosuch")
    check(said.returncode == 64 and "there is no service 'nosuch', only auth ingest" in said.stderr, f"logs nosuch: {said.returncode} {said.stderr}")


def ports_are_told(stack):
    """Of a stack whose ports were chosen for it."""
    ports = dict(line.split("=") for line in (stack.home / "run/metrics.ports").read_text().split())
    check(stack.info["grpc_address"] == f"127.0.0.1:{ports['RTMP_GRPC_PORT']}", f"gRPC: {stack.info}")
    check(stack.info["metrics_url"] == f"http://127.0.0.1:{ports['METRICS_PORT']}/metrics", f"Prometheus: {stack.info}")
    check(b"millrace_" in fetch(stack.info["metrics_url"])[2], "which answers")
    said = stack.command("up", "--detach").stdout
    check(stack.info["grpc_address"] in said and stack.info["metrics_url"] in said, f"up says both: {said}")


def second_up_and_restart():
    stack = Stack(DRAIN_SECONDS="08")
    recorder = "printf '%s ' \"$0\" \"$@\" >> '{0}'; echo >> '{0}'; exec {1} \"$@\"\n"
    stack.environment["PATH"] = commands(stack.home / "bin", **{name: recorder.format(stack.home / "called", shutil.which(name))
                                                                for name in ("jq", "curl", "env", "s6-svc", "tail")})
    with stack:
        secrets_are_private(stack)
        ports_are_told(stack)
        huge_pages(stack)
        token_is_renewed(stack)
        the_key_is_the_one_that_publishes(stack)
        logs_are_of_services(stack)
        commands_say_what_is_so(stack)
        age_token(stack.home / "run/info.json")
        again = stack.command("up", "--detach")
        check(again.returncode == 0 and "already running" in again.stdout, again.stdout + again.stderr)
        check("settings have changed" not in again.stderr, again.stderr)
        stack.environment["HLS_SEGMENT_MS"] = "3000"
        changed = stack.command("up", "--detach")
        del stack.environment["HLS_SEGMENT_MS"]
        check(changed.returncode == 0 and "settings have changed" in changed.stderr, f"says that they are not taken: {changed.stderr}")
        told = stack.command("auth", "--issue-token", "bob")
        check(told.returncode == 0 and told.stdout.count(".") == 2, f"a token for bob: {told.returncode} {told.stderr}")
        check("Bearer old" not in again.stdout and f"Bearer {stack.status()['token']}" in again.stdout, "a second up renews an old token too")
        before = (stack.info["publish_url"].rsplit("/", 1)[1], stack.info["stream_id"])
        with open(stack.home / "secrets.env", "a", encoding="utf-8") as file:
            file.write("\n# note\n  export PLAYBACK_GRANT_SECONDS = 200  # note\n")
        stack.environment["DRAIN_SECONDS"] = "1"
        check(stack.down().returncode == 0, "down")
        check("-T 13000" in (stack.home / "called").read_text(), "down waits as long as up was told to drain")
        check(not list((stack.home / "run/s6").glob("*/secrets")), "secrets are not left lying about")
        check(not os.path.exists(stack.info["media_log_directory"]), "the arena's memory is given back")
        check("not running" in stack.down().stdout, "a second down says so")
        stack.up()
        check((stack.info["publish_url"].rsplit("/", 1)[1], stack.info["stream_id"]) == before, "the key survives a restart")
        orphans(stack)


def huge_pages(stack):
    """What ingest says of the pages of its log is what the kernel says of them, whatever that is."""
    page = fetch(f"http://127.0.0.1:{next(s['ops_port'] for s in stack.status()['services'] if s['name'] == 'ingest')}/metrics")[2].decode()
    told = {name: int(float(value)) for name, value in re.findall(r"^\S*ingest_(log_\w*page_bytes) (\S+)$", page, re.M)}
    arena = re.escape(f"{stack.info['media_log_directory']}/ingest.arena")
    maps = pathlib.Path(f"/proc/{stack.pid('ingest')}/smaps").read_text()
    size, rest = re.search(rf"^\S+ rw-s .* {arena}\nSize: +(\d+) kB\n((?:(?!VmFlags).*\n)*)", maps, re.M).groups()
    huge = 1024 * sum(int(value) for value in re.findall(r"^(?:Shmem|File)PmdMapped: +(\d+) kB$", rest, re.M))
    expected = {"log_huge_page_bytes": huge, "log_page_bytes": 2 << 20 if huge > int(size) * 512 else os.sysconf("SC_PAGESIZE")}
    check(told == expected, f"{told}, {expected}")
    check(int(size) % 2048 == 0, f"the file is one of whole huge pages: {size} kB")
    log = (stack.home / "logs/ingest/current").read_text()
    check(re.search(rf"media log opened.*\bpage_bytes\W+{expected['log_page_bytes']}\b", log), f"its log says so too: {log}")


def orphans(stack):
    """s6-svscan is killed: down still ends its supervisors, those of the loggers too, and so does an up in its place."""
    def kill_scanner():
        os.kill(int((stack.home / "run/svscan.pid").read_text()), signal.SIGKILL)
        gone = wait_for(lambda: (status := stack.command("status")).returncode == 3 and status, "s6-svscan to be gone")
        check("without their supervisor" in gone.stderr, gone.stderr)

    stack.environment["RTMP_PORT"] = str(urllib.parse.urlsplit(stack.info["publish_url"]).port)  # one that they hold
    kill_scanner()
    stack.up()
    pids = [service["pid"] for service in stack.status()["services"]]
    kill_scanner()
    logs = pathlib.Path(stack.info["media_log_directory"])
    with open(logs / "other.lock", "w", encoding="ascii") as lock:  # a writer of another stack's that shares the directory
        fcntl.flock(lock, fcntl.LOCK_EX)
        (logs / "other.arena").touch()
        stopped = stack.down()
        check(sorted(file.name for file in logs.iterdir()) == ["other.arena", "other.lock"], f"what others write stays: {list(logs.iterdir())}")
    check(stopped.returncode == 0 and "has stopped" in stopped.stdout, f"{stopped.stdout}{stopped.stderr}")
    shutil.rmtree(logs)
    check(not any(os.path.exists(f"/proc/{pid}") for pid in pids), "nothing is left running")
    left = [path for path in (stack.home / "run/s6").glob("*/log") if subprocess.run(["s6-svok", str(path)], check=False).returncode == 0]
    check(not left, f"no logger's supervisor either: {left}")
    up_says_so(stack)


def up_says_so(stack):
    """An up in the foreground does not end as if all were well when s6-svscan is killed."""
    child = subprocess.Popen([str(ROOT / "millrace"), "up"], env=stack.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    stack.children.append(child)
    wait_for(lambda: stack.command("status").returncode == 0 and all(s["health"] == "ready" for s in stack.status()["services"]), "all to be ready", 60)
    os.kill(int((stack.home / "run/svscan.pid").read_text()), signal.SIGKILL)
    _, said = child.communicate(timeout=30)
    check(child.returncode == 1 and said.startswith("millrace: the services' supervisor was killed") and len(said.splitlines()) == 1,
          f"{child.returncode} {said}")
    check(stack.down().returncode == 0, "down ends what is left")


def two_ups():
    """While the first builds, a second with other ports is refused and undoes nothing. Ctrl-C of the first drains."""
    # Not the addresses that health and the API have by default, and a proxy that nobody may ask.
    version6 = pathlib.Path("/proc/net/if_inet6").exists()
    stack = Stack(MILLRACE_BUILD_DIR=str(BIN.parent), LISTEN_ADDRESS="127.0.0.3", OPS_ADDRESS="127.0.0.2",
                  METRICS_ADDRESS="::1" if version6 else "127.0.0.3", http_proxy="http://127.0.0.1:1")
    stack.environment.pop("MILLRACE_BIN", None)
    barrier = stack.home / "barrier"
    os.mkfifo(barrier)
    # The build is one that waits.
    stack.environment["PATH"] = commands(stack.home / "bin", cmake="", npm="", ninja=f"case $* in *' -n '*) exit ;; esac; read _ < '{barrier}'\n", **{"apt-get": "exit 1\n"})
    try:
        waits_for_the_first(stack, barrier)
    finally:
        stack.close()


def waits_for_the_first(stack, barrier):
    child = subprocess.Popen([str(ROOT / "millrace"), "up"], env=stack.environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    stack.children.append(child)
    release = wait_for(lambda: os.open(barrier, os.O_WRONLY | os.O_NONBLOCK), "the build", 60)  # once ninja reads
    second = stack.command("up", "--detach")
    check(second.returncode == 1 and "another ./millrace up" in second.stderr, f"the second up: {second.returncode} {second.stderr}")
    status = stack.command("status")
    check(status.returncode == 3 and "is building or starting here" in status.stdout, f"a status meanwhile: {status.returncode} {status.stdout}{status.stderr}")
    down = stack.command("down")
    check(down.returncode == 1 and "is building or starting" in down.stderr, f"a down meanwhile: {down.returncode} {down.stdout}{down.stderr}")
    os.write(release, b"\n")
    os.close(release)

    def ready():
        services = stack.status()["services"]
        return len(services) == len(SERVICES) and all(s["health"] == "ready" for s in services) and services
    # status is told by up where it finds them.
    for name in ("LISTEN_ADDRESS", "OPS_ADDRESS", "METRICS_ADDRESS"):
        stack.environment.pop(name)
    pids = [service["pid"] for service in wait_for(ready, "all services to be ready", 60)]
    again = stack.command("up", "--detach")
    check(again.returncode == 0 and "already running" in again.stdout, again.stdout + again.stderr)
    check([service["pid"] for service in stack.status()["services"]] == pids, "the first stack was not touched")
    os.killpg(child.pid, signal.SIGINT)
    check(child.wait(timeout=60) == 0, "Ctrl-C ends with 0")
    check(not any(os.path.exists(f"/proc/{pid}") for pid in pids), "nothing is left running")
    left = [path for path in (stack.home / "run/s6").glob("*/log") if subprocess.run(["s6-svok", str(path)], check=False).returncode == 0]
    check(not left, f"no logger's supervisor either: {left}")


def command():
    help_is_all_it_does()
    env_files()
    env_files_hold_settings_only()
    relative_paths()
    tests_have_their_own_settings()
    wanted_engine_is_no_skip()
    what_has_to_run_is_no_skip()
    refused_before_the_build()
    phases_are_told()
    missing_commands()
    keys_are_made()
    bad_starts()
    one_home_from_everywhere()
    second_up_and_restart()
    two_ups()


main(command)
