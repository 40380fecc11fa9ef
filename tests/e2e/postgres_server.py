"""Debian's PostgreSQL in a directory of a test's own, on a free port of 127.0.0.1.

    with PostgresServer() as server:
        server.create("millrace")
        Stack(DATABASE_URL=server.url("millrace"))
"""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

from stack import Failure, check, free_port, wait_for

USER = "millrace"
PASSWORD = "p@ss/wo:rd?geheim"
PASSWORD_IN_URL = "p%40ss%2Fwo%3Ard%3Fgeheim"


def programs():
    """The newest version's directory of programs; None: not installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class PostgresServer:
    def __init__(self, port=None, durable=False):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="millrace-pg-"))
        self.port = port or free_port()
        self.process = None
        self.durable = durable
        # A server refuses to run as root.
        self.user = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            os.chown(self.directory, entry.pw_uid, entry.pw_gid)
            self.user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        password = self.directory / "password"
        password.write_text(PASSWORD + "\n")
        password.chmod(0o644)
        made = subprocess.run([programs() / "initdb", "-D", self.directory / "data", "-U", USER, "-A", "scram-sha-256", f"--pwfile={password}",
                               "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"], capture_output=True, text=True, timeout=120,
                              cwd=self.directory, **self.user)
        check(made.returncode == 0, f"initdb: {made.stderr}")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [programs() / "postgres", "-D", self.directory / "data", "-k", self.directory, "-h", "127.0.0.1", "-p", str(self.port),
                 "-c", f"fsync={'on' if self.durable else 'off'}", "-c", "max_connections=20", "-c", "shared_buffers=16MB"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, **self.user)
        wait_for(lambda: self.sql("SELECT 1", "postgres", check_it=False) == "1", "the server to take connections", 60)

    def stop(self, number=signal.SIGQUIT):
        """As pg_ctl stop: SIGQUIT is -m immediate, SIGINT -m fast."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        self.signal_all(signal.SIGCONT)
        self.process.wait(timeout=60)

    def close(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def children(self):
        """[(pid, title)] of the server's processes."""
        found = []
        for pid in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            try:
                found.append((int(pid), pathlib.Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0 ")))
            except OSError:
                pass
        return found

    def signal_all(self, number):
        try:
            for pid in [self.process.pid, *(pid for pid, _ in self.children())]:
                os.kill(pid, number)
        except OSError:
            pass

    def terminate_backends(self, database):
        """As pg_terminate_backend, but without a connection of our own; not those that still wait for a password."""
        ended = 0
        for pid, title in self.children():
            if title.startswith(f"postgres: {USER} {database} ") and not title.endswith("authentication"):
                os.kill(pid, signal.SIGTERM)
                ended += 1
        return ended

    def url(self, database):
        return f"postgresql://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def sql(self, statement, database, check_it=True):
        done = subprocess.run([programs() / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database, "-Atc", statement],
                              env={**os.environ, "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "5"}, capture_output=True, text=True, timeout=60)
        if check_it and done.returncode != 0:
            raise Failure(f"psql: {done.stderr}")
        return done.stdout.strip()

    def create(self, database):
        self.sql(f"CREATE DATABASE {database}", "postgres")

    def take_a_place(self, database):
        """A connection that stops in the middle of its password: a place less for others. None: there is none left."""
        guest = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        words = b"".join(word.encode() + b"\0" for word in ("user", USER, "database", database, ""))
        guest.sendall(struct.pack(">II", 8 + len(words), 196608) + words)
        if guest.recv(1) == b"R":
            return guest
        guest.close()
        return None
