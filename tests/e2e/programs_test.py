#!/usr/bin/env python3
"""Every program that is installed says what it is, and refuses what it does not know."""
import os
import pathlib
import subprocess

from stack import ROOT, SERVICES, check, main

BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin"))


def run(program, *arguments):
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False, timeout=60,
                          env={"PATH": os.environ["PATH"]})


def programs():
    found = sorted(BIN.glob("millrace-*"))
    names = {program.name for program in found}
    check({f"millrace-{name}" for name in SERVICES} | {"millrace-log"} <= names, f"the programs are there: {names}")
    for program, name in [(program, program.name) for program in found] + [(ROOT / "tools/container/health.sh", "millrace-health")]:
        for question in ("--help", "-h"):
            told = run(program, question)
            check(told.returncode == 0 and not told.stderr, f"{name} {question}: {told.returncode} {told.stderr}")
            check(told.stdout.startswith(f"{name}: ") and "docs/" in told.stdout, f"{name} {question}: {told.stdout}")
        wrong = run(program, "--nonsense")
        check(wrong.returncode == 64 and not wrong.stdout, f"{name} --nonsense: {wrong.returncode} {wrong.stdout}")
        check(name in wrong.stderr, f"{name} --nonsense: {wrong.stderr}")


main(programs)
