"""An HLS viewer that keeps what it is given."""
import threading

from stack import check, fetch, wait_for


class Viewer(threading.Thread):
    """Follows the playlist and keeps every segment as it was delivered."""

    def __init__(self, stack, url):
        super().__init__(daemon=True)
        self.stack, self.url = stack, url
        self.segments = {}
        self.inits = []
        self.error = None
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            try:
                self.poll()
            except Exception as error:  # pylint: disable=broad-except  # told by finish()
                self.error = error

    def poll(self):
        playlist = self.stack.playlist(self.url)
        for number, url, seconds, _, init in playlist.segments if playlist else []:
            if init not in [known for known, _ in self.inits]:
                self.inits.append((init, self.get(init)))
            if number not in self.segments:
                self.segments[number] = (init, self.get(url), seconds)

    def newest(self):
        """The last publication's segments: {number: seconds}."""
        return {number: seconds for number, (init, _, seconds) in list(self.segments.items()) if init == self.inits[-1][0]}

    @staticmethod
    def get(url):
        status, _, body = fetch(url)
        check(status == 200, f"{status} for {url}, which the playlist lists")
        return body

    def finish(self, path, wanted):
        """The last publication's segments as one fragmented MP4. The playlist may still be open: its encoder may return."""
        wait_for(lambda: self.inits and sum(self.newest().values()) > wanted - 0.1, "the last segment", 15)
        self.over.set()
        self.join(30)
        check(self.error is None, f"the viewer failed: {self.error}")
        head = self.inits[-1][1]
        numbers = sorted(self.newest())
        check(numbers == list(range(numbers[0], numbers[-1] + 1)), f"segments are missing among {numbers}")
        path.write_bytes(head + b"".join(self.segments[n][1] for n in numbers))
        return path
