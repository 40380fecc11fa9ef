#!/usr/bin/env python3
"""The sources have their form, and `./millrace check` finds what it is there to find: a contract that another version of a service
could not read, includes that break the layers, a core that is none."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from stack import ROOT, check, lacks, main

BUF = ROOT / "tests/node_modules/.bin/buf"


def run(command, directory, **environment):
    result = subprocess.run([str(part) for part in command], cwd=directory, capture_output=True, text=True, timeout=60,
                            env={**os.environ, **environment})
    return result.returncode, result.stdout + result.stderr


def edit(path, old, new):
    text = path.read_text()
    check(old in text, f"{path.name} has {old}")
    path.write_text(text.replace(old, new))


def contract(home):
    """What the check says of a copy of proto/ after each change."""
    def said(**environment):
        return run([ROOT / "tools/millrace/check_contract.sh"], home, **{"BUF": str(BUF), **environment})

    shutil.copytree(ROOT / "proto", home / "proto")
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=elsewhere"]
    run([*git, "init", "-q"], home)
    run([*git, "add", "-A"], home)
    run([*git, "commit", "-q", "-m", "all"], home)
    code, text = said()
    check(code == 0 and "COMPARED WITH NOTHING" in text, f"nothing to compare with is said: {text}")
    run([*git, "branch", "main"], home)
    check(said() == (0, ""), f"the contract is good: {said()}")
    code, text = said(BUF="/nowhere/buf")
    check(code == 0 and "NOT CHECKED" in text, f"a missing buf is said: {text}")

    bus, module = home / "proto/bus/v1/bus.proto", home / "proto/marchproxy/module.proto"
    for path, old, new, word in ((bus, "heartbeat = 14;", "heartbeat = 99;", "reserving"),
                                 (bus, "uint64 sequence = 3;    //", "string sequence = 3;    //", "changed type"),
                                 (bus, "fixed64 boot_id = 2;", "fixed64 bootId = 2;", "lower_snake_case"),
                                 (module, "active_streams = 4", "streams = 4", "changed name")):
        kept = path.read_text()
        edit(path, old, new)
        code, text = said()
        check(code != 0 and word in text, f"{old} to {new}: {code} {text}")
        path.write_text(kept)

    # Names are no part of what is sent; a tag counts more than main.
    edit(bus, "Heartbeat heartbeat = 14;", "Heartbeat beat = 14;")
    check(said()[0] == 0, f"a field of the bus has another name: {said()}")
    edit(bus, "Heartbeat beat = 14;", "Heartbeat beat = 99;")
    run([*git, "commit", "-q", "-a", "-m", "changed"], home)
    run([*git, "tag", "v1"], home)
    check(said()[0] == 0, f"a release is what counts: {said()}")


def layers(home):
    """What the check says of a copy of the sources after each change."""
    def said():
        return run([ROOT / "tools/check_layers.py", home], home)

    for part in ("libs", "services", "proto"):
        shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("node_modules", "captures", "*_seeds"))
    (home / "tests").mkdir()
    (home / "tools").mkdir()
    shutil.copy(ROOT / "tools/layers.txt", home / "tools")
    check(said() == (0, ""), f"the layers are good: {said()}")
    for path, header, word in (("libs/base/bytes.hpp", '"bus/node.hpp"', "base may not include bus"),
                               ("libs/base/bytes.hpp", "<zmq.hpp>", "only bus may include"),
                               ("libs/http/server.cpp", '"bus/v1/bus.pb.h"', "http may not include proto"),
                               ("services/api/src/vod.cpp", '"marchproxy/module.pb.h"', "only metrics may include marchproxy/"),
                               ("services/recording/src/recorder.cpp", "<caf/all.hpp>", "recording_core is a core"),
                               ("services/packaging/src/log_segments.hpp", '"bus/node.hpp"', "packaging_core may not include bus"),
                               ("services/metrics/src/observatory.cpp", '"runtime/service.hpp"', "reaches caf/"),
                               ("services/ingest/src/publish/publication.cpp", '"server/transport.hpp"', "reaches sys/socket.h"),
                               ("services/api/src/handlers/vod_list_get.cpp", "<sys/epoll.h>", "api_core is a core")):
        kept = (home / path).read_text()
        (home / path).write_text(f"#include {header}\n{kept}")
        code, text = said()
        check(code != 0 and word in text, f"{header} in {path}: {code} {text}")
        (home / path).write_text(kept)
    for file, old, new, word in (("tools/layers.txt", "only caf/: runtime", "only caf/: runtimes", "no such part or service: runtimes"),
                                 ("tools/layers.txt", "core auth_core", "core auth_cores", "auth_core has no row"),
                                 ("tools/layers.txt", "mail:  ", "post:  ", "no such part: post")):
        kept = (home / file).read_text()
        edit(home / file, old, new)
        code, text = said()
        check(code != 0 and word in text, f"{new} in {file}: {code} {text}")
        (home / file).write_text(kept)


def form():
    """Every source and comment is as the formatter and the house's form have it."""
    if shutil.which("clang-format-14") is None:
        skip("clang-format-14 is not installed")
    sources = sorted(path for part in ("libs", "services", "tests") for path in (ROOT / part).rglob("*.[ch]pp")
                     if "node_modules" not in path.parts)
    check(len(sources) > 1000, f"the sources are found: {len(sources)}")
    for begin in range(0, len(sources), 200):
        code, text = run(["clang-format-14", "--dry-run", "-Werror", *sources[begin:begin + 200]], ROOT)
        check(code == 0, f"formatted: {text[:2000]}")
    code, text = run([ROOT / "tools/check_comments.py"], ROOT)
    check(code == 0, f"comments: {text}")


def checks():
    form()
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as home:
        layers(Path(home).resolve())
    if not BUF.exists():
        lacks("@bufbuild/buf")
    if (ROOT / ".git").exists():
        code, text = run([ROOT / "tools/millrace/check_contract.sh"], ROOT)
        check(code == 0, f"proto/: {text}")
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as home:
        contract(Path(home))


main(checks)
