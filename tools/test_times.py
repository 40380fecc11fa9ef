#!/usr/bin/env python3
"""Where the time of ./millrace test went, as the table of docs/testing.md: tools/test_times.py [build/all/junit.xml].
Seconds of tests add up over those that ran at the same time."""
import collections
import pathlib
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
SUITES = ("e2e", "faults", "fuzz", "asan", "tsan", "compose")
SLOWEST = 15


def suite_of(name):
    prefix = name.split(".", 1)[0]
    return prefix if prefix in SUITES else "unit"


def main():
    file = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/all/junit.xml"
    times = sorted(((float(case.get("time", 0)), case.get("name")) for case in xml.etree.ElementTree.parse(file).iter("testcase")), reverse=True)
    suites = collections.defaultdict(list)
    for seconds, name in times:
        suites[suite_of(name)].append(seconds)
    print("| suite | tests | seconds | longest |\n|---|---|---|---|")
    for name, seconds in sorted(suites.items(), key=lambda item: -sum(item[1])):
        print(f"| {name} | {len(seconds)} | {sum(seconds):.0f} | {max(seconds):.0f} |")
    print("\n| slowest test | seconds |\n|---|---|")
    for seconds, name in times[:SLOWEST]:
        print(f"| `{name}` | {seconds:.0f} |")


main()
