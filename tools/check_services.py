#!/usr/bin/env python3
"""Whether everything that has a part for each service has one for every row of services/services.txt, and none for others.
With an argument: of the tree there."""
import pathlib
import re
import sys

import service_table

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else service_table.ROOT).resolve()
COMPOSE = "docker-compose.yml"
PAGE = "docs/configuration.md"
PROMETHEUS = "services/metrics/monitoring/prometheus.yml"


def table_faults(table):
    """Rows that cannot stand beside each other."""
    names, ports = [], {}
    for service in table:
        if not re.fullmatch("[a-z]+", service.name) or service.name in names:
            yield f"{service.name}: a name is of a to z, and nobody else's"
        names.append(service.name)
        for variable, port in service.ports.items():
            if variable in ports or port in ports.values():
                yield f"{service.name}: {variable}={port} is another's"
            ports[variable] = port


def different(place, found, expected):
    """What is there without a row, and rows that are not there."""
    yield from (f"{place}: {name} is missing" for name in sorted(expected - found))
    yield from (f"{place}: {name} has no row" for name in sorted(found - expected))


def directories(names):
    found = {path.parent.name for path in (ROOT / "services").glob("*/CMakeLists.txt")}
    yield from different("services/", found, names)
    for name in sorted(names & found):
        directory = ROOT / "services" / name
        if f"millrace_service({name}" not in (directory / "CMakeLists.txt").read_text():
            yield f"services/{name}/CMakeLists.txt: no millrace_service({name} …)"
        yield from (f"services/{name}/{file} is missing" for file in ("README.md", "src/main.cpp") if not (directory / file).exists())


def sections(pattern, text):
    """{name: text behind it, up to the next name}."""
    parts = re.split(pattern, text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def configuration(table):
    """The page, which is made of the programs' own tables, has the ports of the row."""
    found = sections(r"^## (\w+)$", (ROOT / PAGE).read_text())
    yield from different(PAGE, set(found), {service.name for service in table})
    for service in table:
        for variable, port in service.ports.items():
            if f"| `{variable}` | integer | `{port}` |" not in found.get(service.name, ""):
                yield f"{PAGE}: {service.name} has no {variable} with default {port}"


def containers(table):
    services = re.search(r"^services:\n(.*?)^volumes:", (ROOT / COMPOSE).read_text(), re.M | re.S).group(1)
    found = sections(r"^  (\w+):$", services)
    yield from different(COMPOSE, set(found), {service.name for service in table})
    for service in table:
        block = found.get(service.name, "")
        if block and f"command: millrace-{service.name}\n" not in block:
            yield f"{COMPOSE}: {service.name} does not run millrace-{service.name}"
        if block and f'millrace-health, "{service.ports[service.ops]}"]' not in block:
            yield f"{COMPOSE}: {service.name} is not asked for its health on port {service.ports[service.ops]}"
        published = set(re.findall(r"\$\{(\w+):-\d+\}:\d+", block))
        yield from different(f"{COMPOSE}, ports of {service.name}", published, set(service.published))


def monitoring(table):
    found = {int(port) for port in re.findall(r'"localhost:(\d+)"', (ROOT / PROMETHEUS).read_text())}
    yield from different(PROMETHEUS, {f"port {port}" for port in found}, {f"port {service.ports[service.ops]}" for service in table})


def main():
    table = service_table.read(ROOT)
    names = {service.name for service in table}
    bad = [*table_faults(table), *directories(names), *configuration(table), *containers(table), *monitoring(table)]
    for text in bad:
        print(text)
    if bad:
        sys.exit(f"{len(bad)} faults against services/services.txt")


main()
