"""The container engine of the compose test: one that runs is used as it is; with MILLRACE_TEST_ENGINE=1 (CI) one is started
with a socket and a data root of its own. It makes no firewall rules: published ports go through its proxy, and containers
reach each other, but not out. The base image is made by debootstrap, once per build tree, where no registry is reachable."""
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stack import ROOT, check, skip, wait_for  # noqa: E402

WANTED = os.environ.get("MILLRACE_TEST_ENGINE") == "1"
DOCKER = "/usr/bin/docker" if os.access("/usr/bin/docker", os.X_OK) else "docker"
REGISTRY_BASE = "debian:bookworm-slim"
OWN_BASE = "millrace-test-base"


def end_with_parent():
    """Also when this test is killed: dockerd ends its containers itself."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Engine:
    def __init__(self):
        self.environment = {**os.environ}
        self.child = self.directory = None

    def __enter__(self):
        if shutil.which(DOCKER) and self.docker("info", check=False).returncode == 0:
            return self
        if not WANTED:
            skip("no container engine runs here; MILLRACE_TEST_ENGINE=1 starts one")
        # Wanted and impossible is a failure: a skip would pass for a test that was run.
        check(os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0,
              "MILLRACE_TEST_ENGINE=1: an engine of its own needs root and the right to mount")
        self.start()
        return self

    def start(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="millrace-engine-"))
        socket = f"unix://{self.directory}/docker.sock"
        self.environment.update(DOCKER_HOST=socket, MILLRACE_BUILD_OPTIONS="--network host")
        with open(self.directory / "log", "wb") as log:
            self.child = subprocess.Popen(
                ["dockerd", "--host", socket, "--data-root", str(self.directory / "data"), "--exec-root", str(self.directory / "exec"),
                 "--pidfile", str(self.directory / "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
                 "--ip-masq=false", "--default-address-pool", "base=172.29.0.0/16,size=24"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent)

        def answers():
            check(self.child.poll() is None, f"dockerd ended: {(self.directory / 'log').read_text()[-2000:]}")
            return self.docker("info", check=False).returncode == 0
        try:
            wait_for(answers, "the engine to answer", 60)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.child is None:
            return
        self.child.terminate()
        self.child.wait(timeout=60)
        # A name space stays mounted.
        for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
            if line.split()[1].startswith(f"{self.directory}/"):
                subprocess.run(["umount", "--lazy", line.split()[1]], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def docker(self, *arguments, check=True, **options):
        return subprocess.run([DOCKER, *arguments], env=self.environment, check=check, capture_output=True, **options)

    def base_image(self):
        """The name of a Debian 12 image."""
        if "MILLRACE_BASE_IMAGE" in os.environ:
            return os.environ["MILLRACE_BASE_IMAGE"]
        if self.child is None:
            for ask in (("image", "inspect", REGISTRY_BASE), ("pull", REGISTRY_BASE)):
                if self.docker(*ask, check=False).returncode == 0:
                    return REGISTRY_BASE
            if not WANTED:
                skip(f"{REGISTRY_BASE} is not here and cannot be pulled")
        with open(made_base(), "rb") as image:
            self.docker("import", "-c", 'CMD ["bash"]', "-", OWN_BASE, stdin=image)
        return OWN_BASE


def made_base():
    """A Debian without certificate authorities, as the registry's is."""
    cache = pathlib.Path(os.environ.get("MILLRACE_BUILD_DIR", ROOT / "build/release")) / "compose"
    image = cache / "base.tar"
    if not image.exists():
        cache.mkdir(exist_ok=True)
        root = pathlib.Path(tempfile.mkdtemp(prefix="millrace-base-"))
        try:
            made = subprocess.run(["debootstrap", "--variant=minbase", "bookworm", str(root)], capture_output=True, text=True, check=False)
            check(made.returncode == 0, f"debootstrap: {made.stdout[-1000:]}{made.stderr[-1000:]}")
            for package in (root / "var/cache/apt/archives").glob("*.deb"):
                package.unlink()
            subprocess.run(["tar", "-C", str(root), "-cf", f"{image}.new", "."], check=True)
            os.rename(f"{image}.new", image)
        finally:
            shutil.rmtree(root, ignore_errors=True)
    return image
