#!/usr/bin/env python3
"""Checks every #include of libs/, services/ and tests/ against tools/layers.txt, and what the services' cores reach by
includes. With an argument: of the tree there."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
GENERATED = re.compile(r"^(\w+)/(v\d+/)?\w+\.pb\.h$")
SUFFIXES = (".hpp", ".cpp", ".h", ".cc")


class Table:
    """tools/layers.txt."""

    def __init__(self):
        self.allowed, self.only, self.cores, self.never = {}, {}, {}, ()
        for line in (ROOT / "tools/layers.txt").read_text().splitlines():
            line = line.split("#")[0].strip()
            if not line:
                continue
            name, _, rest = line.partition(":")
            if name.startswith("only "):
                self.only[name[5:]] = set(rest.split())
            elif name.startswith("core "):
                self.cores[name[5:]] = tuple(rest.split())
            elif name == "no core":
                self.never = tuple(rest.split())
            else:
                self.allowed[name] = set(rest.split())

    def unknown(self):
        """Rows about parts that are not there, and parts without a row."""
        parts = {path.name for path in (ROOT / "libs").iterdir() if path.is_dir()} | {"services", "tests", "proto"}
        services = {path.name for path in (ROOT / "services").iterdir() if path.is_dir()}
        for name, others in self.allowed.items():
            yield from (f"no such part: {part}" for part in sorted(({name} | others) - parts))
        yield from (f"{part} has no row" for part in sorted(parts - {"proto"} - set(self.allowed)))
        for name, others in self.only.items():
            yield from (f"only {name}: no such part or service: {part}" for part in sorted(others - parts - services))


def names_of(path):
    """The part a file belongs to, and the service if it is one's."""
    top, name = path.relative_to(ROOT).parts[:2]
    return {"libs": (name, None), "services": ("services", name), "tests": ("tests", None)}[top]


def part_of(header):
    """The part that a header of ours belongs to; None for a file beside or a system header."""
    generated = GENERATED.match(header)
    if generated and (ROOT / "proto" / generated.group(1)).is_dir():
        return "proto"
    return header.split("/")[0] if (ROOT / "libs" / header).exists() else None


def violations(path, table):
    part, service = names_of(path)
    is_test = bool(re.search(r"(_test|_fuzz)\.cpp$", path.name)) or "/tests/" in str(path)
    for header in INCLUDE.findall(path.read_text(errors="replace")):
        if header.startswith("services/"):
            yield f"includes a service: {header}"
        target = part_of(header)
        if target and target != part and target not in table.allowed.get(part, ()):
            yield f"{part} may not include {target}: {header}"
        for prefix, names in table.only.items():
            if header.startswith(prefix) and not {part, service} & names and not is_test:
                yield f"only {', '.join(sorted(names))} may include {prefix}: {header}"


def libraries():
    """The static libraries of services/*/CMakeLists.txt and of the child processes beside them: name and sources."""
    services = ROOT / "services"
    for lists in sorted([*services.glob("*/CMakeLists.txt"), *services.glob("*/*/CMakeLists.txt")]):
        text = re.sub(r"#.*", "", lists.read_text())
        globs = {name: [file for pattern in rest.split() if "*" in pattern for file in lists.parent.glob(pattern)]
                 for name, rest in re.findall(r"file\(GLOB\s+(\w+)\s+([^)]*)\)", text)}
        for name, rest in re.findall(r"millrace_library\(\s*(\w+)\s+([^)]*)\)", text):
            sources = re.split(r"\b(?:SYSTEM_)?DEPS\b", rest)[0].replace("SOURCES", "").split()
            files = []
            for source in sources:
                variable = re.fullmatch(r"\$\{(\w+)\}", source)
                files += globs[variable.group(1)] if variable else [lists.parent / source]
            yield name, files


def ours(path, header):
    """The file of this repository that a header is, as the compiler finds it."""
    folders = [path.parent, ROOT / "libs"]
    part, service = names_of(path)
    if service:
        folders.append(ROOT / "services" / service / "src")
    return next((folder / header for folder in folders if (folder / header).exists()), None)


def core_violations(name, sources, table):
    """What a core includes beyond its row, and what it reaches through headers that no core may."""
    row = table.cores[name]
    waiting, seen = [(file.resolve(), "") for file in sources], set()
    while waiting:
        path, way = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        way = f"{way} > {path.relative_to(ROOT)}" if way else str(path.relative_to(ROOT))
        for header in INCLUDE.findall(path.read_text(errors="replace")):
            target = part_of(header)
            if target and names_of(path)[1] and target not in row and header not in row:
                yield f"{way}: {name} may not include {target}: {header}"
            if header.startswith(table.never) and not header.startswith(row):
                yield f"{way}: {name} is a core and reaches {header}"
            file = ours(path, header)
            if file:
                waiting.append((file.resolve(), way))


def messages():
    table = Table()
    yield from (f"tools/layers.txt: {text}" for text in table.unknown())
    for top in ("libs", "services", "tests"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in SUFFIXES and "node_modules" not in path.parts:
                yield from (f"{path.relative_to(ROOT)}: {text}" for text in violations(path, table))
    found = dict(libraries())
    yield from (f"tools/layers.txt: no such core: {name}" for name in sorted(set(table.cores) - set(found)))
    for name, sources in sorted(found.items()):
        if name in table.cores:
            yield from core_violations(name, sources, table)
        elif name.endswith("_core"):
            yield f"tools/layers.txt: {name} has no row"


def main():
    bad = list(messages())
    for text in bad:
        print(text)
    if bad:
        sys.exit(f"{len(bad)} faults against tools/layers.txt")


main()
