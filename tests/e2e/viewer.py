"""An HLS viewer that keeps what it is given."""
import threading

from stack import check, fetch, media_playlists, wait_for


def boxes(data):
    """[(type, whole box)]"""
    found, place = [], 0
    while place < len(data):
        size = int.from_bytes(data[place:place + 4], "big")
        found.append((data[place + 4:place + 8], data[place:place + size]))
        place += size
    return found


def box(kind, *parts):
    payload = b"".join(parts)
    return (len(payload) + 8).to_bytes(4, "big") + kind + payload


def joined(tracks):
    """One fragmented MP4 of [(init segment, [segments])], each of one track."""
    heads = [dict(boxes(init)) for init, _ in tracks]
    movies = [dict(boxes(head[b"moov"][8:])) for head in heads]
    extends = box(b"mvex", *(movie[b"mvex"][8:] for movie in movies))
    movie = box(b"moov", movies[0][b"mvhd"], *(movie[b"trak"] for movie in movies), extends)
    return heads[0][b"ftyp"] + movie + b"".join(segment for _, segments in tracks for segment in segments)


class Rendition:
    """What a viewer has of one."""

    def __init__(self):
        self.segments, self.inits = {}, []

    def take(self, playlist):
        for number, url, seconds, _, init in playlist.segments:
            if init not in [known for known, _ in self.inits]:
                self.inits.append((init, get(init)))
            if number not in self.segments:
                self.segments[number] = (init, get(url), seconds)

    def newest(self):
        """The last publication's segments: {number: seconds}."""
        return {number: seconds for number, (init, _, seconds) in list(self.segments.items()) if init == self.inits[-1][0]}

    def track(self):
        numbers = sorted(self.newest())
        check(numbers == list(range(numbers[0], numbers[-1] + 1)), f"segments are missing among {numbers}")
        return self.inits[-1][1], [self.segments[n][1] for n in numbers]


def get(url):
    status, _, body = fetch(url)
    check(status == 200, f"{status} for {url}, which the playlist lists")
    return body


class Viewer(threading.Thread):
    """Follows the playlists of all renditions and keeps every segment as it was delivered."""

    def __init__(self, stack, url):
        super().__init__(daemon=True)
        self.stack, self.url = stack, url
        self.renditions = {}
        self.error = None
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            try:
                self.poll()
            except Exception as error:  # pylint: disable=broad-except  # told by finish()
                self.error = error

    def poll(self):
        status, _, body = fetch(self.url)
        for name in media_playlists(body.decode(), self.url) if status == 200 else ():
            playlist = self.stack.playlist(self.url, name)
            if playlist and playlist.segments:
                self.renditions.setdefault(name, Rendition()).take(playlist)

    def whole(self, wanted):
        renditions = list(self.renditions.values())
        return renditions and all(sum(r.newest().values()) > wanted - 0.1 for r in renditions)

    def finish(self, path, wanted):
        """The last publication's segments as one fragmented MP4. The playlists may still be open: its encoder may return."""
        wait_for(lambda: self.whole(wanted), "the last segments", 15)
        self.over.set()
        self.join(30)
        check(self.error is None, f"the viewer failed: {self.error}")
        path.write_bytes(joined([rendition.track() for _, rendition in sorted(self.renditions.items(), reverse=True)]))
        return path
