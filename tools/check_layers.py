#!/usr/bin/env python3
"""Checks every #include of libs/, services/ and tests/ against tools/layers.txt."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
PROTO = {"auth", "bus", "metrics", "recording", "stream"}


def read_table():
    allowed, only = {}, {}
    for line in (ROOT / "tools/layers.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, _, rest = line.partition(":")
        if name.startswith("only "):
            only[name[5:]] = set(rest.split())
        else:
            allowed[name] = set(rest.split())
    return allowed, only


def part_of(path):
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "libs" else {"services": "service", "tests": "tests"}[parts[0]]


def target_of(header):
    """The part of libs/ a quoted or angled include names, or None for a file beside or a system header."""
    first = header.split("/")[0]
    if re.match(r"^\w+/v\d+/\w+\.pb\.h$", header) and first in PROTO:
        return "proto"
    if (ROOT / "libs" / header).exists():
        return first
    return None


def violations(path, allowed, only):
    part = part_of(path)
    is_test = bool(re.search(r"(_test|_fuzz)\.cpp$", path.name)) or "/tests/" in str(path)
    for match in INCLUDE.finditer(path.read_text(errors="replace")):
        header = match.group(2)
        if header.startswith("services/"):
            yield f"includes a service: {header}"
        target = target_of(header)
        if target and target != part and target not in allowed[part]:
            yield f"{part} may not include {target}: {header}"
        for prefix, parts in only.items():
            if header.startswith(prefix) and part not in parts and not is_test:
                yield f"only {', '.join(sorted(parts))} may include {prefix}: {header}"


def main():
    allowed, only = read_table()
    bad = 0
    for top in ("libs", "services", "tests"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix not in (".hpp", ".cpp", ".h", ".cc") or "node_modules" in path.parts:
                continue
            for text in violations(path, allowed, only):
                print(f"{path.relative_to(ROOT)}: {text}")
                bad += 1
    if bad:
        sys.exit(f"{bad} includes break tools/layers.txt")


main()
