#!/usr/bin/env python3
"""tools/new_service, in a copy of the tree: what it makes passes the checks, builds, has a passing test, starts with the others, says
how it is, is started again when it is killed, and ends with them."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from stack import PATIENCE, ROOT, Stack, check, fetch, main, need

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))
NAME = "probing"
PARTS = (".clang-format", "CMakeLists.txt", "CMakePresets.json", "cmake", "docker-compose.yml", "docs", "libs", "millrace", "proto", "services",
         "tests", "tools")


def run(*command, code=0, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=280 * PATIENCE, check=False, **options)
    check(result.returncode == code, f"{' '.join(map(str, command))}: {result.returncode} {result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result.stdout


def copy(tree):
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        else:
            shutil.copy(ROOT / part, tree / part)


def make(tree):
    for arguments, code in ((("Probing",), 1), (("x",), 1), (("auth",), 1), (("media",), 1), (("log",), 1), (("probing", 'says "hello"'), 1), ((), 64)):
        run(tree / "tools/new_service", *arguments, code=code)
    run(tree / "tools/new_service", NAME, "answers for its health")
    run(tree / "tools/new_service", NAME, code=1)


def build(tree, binaries):
    """Its program and test; the other programs are those of this tree."""
    run("cmake", "--preset", "release", cwd=tree)
    run("ninja", "-j2", "-C", tree / "build/release", f"millrace-{NAME}", f"{NAME}_test")
    run(tree / f"build/release/bin/{NAME}_test")
    binaries.mkdir()
    for program in (*BIN.glob("millrace-*"), tree / f"build/release/bin/millrace-{NAME}"):
        (binaries / program.name).symlink_to(program)


def checks(tree, binaries):
    page = run(tree / "tools/generate_configuration.sh", binaries)
    (tree / "docs/configuration.md").write_text(page)
    run(tree / "tools/generate_compose.py", binaries)
    for tool in ("check_services.py", "check_layers.py", "check_comments.py"):
        run("python3", tree / "tools" / tool, cwd=tree)
    run("clang-format-14", "--dry-run", "-Werror", *(tree / "services" / NAME).rglob("*.[ch]pp"))
    told = run(binaries / f"millrace-{NAME}", "--help")
    check(told.startswith(f"millrace-{NAME}: answers for its health\n"), f"--help: {told}")


def serve(tree, binaries):
    class Copy(Stack):
        TREE = tree

    with Copy(MILLRACE_BIN=str(binaries)) as stack:
        def ask(path):
            port = next(service["ops_port"] for service in stack.status()["services"] if service["name"] == NAME)
            return fetch(f"http://127.0.0.1:{port}{path}")
        status, _, body = ask("/healthz")
        check((status, body) == (200, f'{{"service":"{NAME}"}}'.encode()), f"/healthz: {status} {body}")
        check(stack.health(NAME) == "ready", f"it is {stack.health(NAME)}")
        check(b"millrace_bus_" in ask("/metrics")[2], "it has metrics")
        killed = stack.kill(NAME)
        stack.wait_ready(NAME, other_than=killed)
        pids = [service["pid"] for service in stack.status()["services"]]
        check(stack.down().returncode == 0, "all of it stops")
        check(not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids), "nothing is left running")


def new_service():
    need("clang-format-14")
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as directory:
        tree = pathlib.Path(directory).resolve() / "tree"
        tree.mkdir()
        copy(tree)
        make(tree)
        build(tree, tree / "programs")
        checks(tree, tree / "programs")
        serve(tree, tree / "programs")


main(new_service)
