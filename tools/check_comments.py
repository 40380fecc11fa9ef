#!/usr/bin/env python3
"""Finds comments beyond column 110: clang-format leaves them as they are (ReflowComments: false)."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 110
# A comment from its slashes on; "http://…" within a text and the slashes of a raw string are none.
COMMENT = re.compile(r"(^|\s)//( |$)")


def main():
    bad = 0
    for top in ("libs", "services", "tests"):
        for path in sorted((ROOT / top).rglob("*.[hc]pp")):
            if "node_modules" in path.parts:
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if len(line) > LIMIT and COMMENT.search(line):
                    print(f"{path.relative_to(ROOT)}:{number}: {len(line)} columns")
                    bad += 1
    if bad:
        sys.exit(f"{bad} comments end beyond column {LIMIT}")


main()
