"""services/services.txt, the table of services, for tools and tests in Python."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Service:
    """A row: name, stop, and ports as {variable: default}, of which ops is the one of health and published are those
    that containers publish."""

    def __init__(self, line):
        self.name, stop, *ports = line.split()
        self.stop = int(stop)
        self.ports, self.published = {}, []
        for port in ports:
            variable, default, star = re.fullmatch(r"([A-Z_]+)=(\d+)(\*?)", port).groups()
            self.ports[variable] = int(default)
            self.published += [variable] if star else []
        self.ops = next(iter(self.ports))


def read(root=ROOT):
    """All rows, in the order of start."""
    lines = (root / "services/services.txt").read_text().splitlines()
    return [Service(line) for line in lines if line.strip() and not line.startswith("#")]
