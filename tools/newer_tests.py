#!/usr/bin/env python3
"""ctest --show-only=json-v1 | tools/newer_tests.py FILE: the tests whose programs are newer than the file, as ctest's -I takes them;
nothing where there are none."""
import json
import os
import sys


def main():
    passed = os.stat(sys.argv[1]).st_mtime_ns
    newer = {}  # program to whether it is
    numbers = []
    for number, test in enumerate(json.load(sys.stdin)["tests"], 1):
        program = test.get("command", [""])[0]
        if program not in newer:
            newer[program] = os.path.exists(program) and os.stat(program).st_mtime_ns > passed
        if newer[program]:
            numbers.append(str(number))
    if numbers:
        print(",".join(["0", "0", "0", *numbers]))


main()
