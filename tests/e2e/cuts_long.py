"""The long form of cuts_test.py: a hundred cuts of the encoder, changes of the picture's size and kills of packaging, under hls.js and dash.js
in low latency and dash.js with whole segments. None of them stands for longer than the event and what is stated here."""
import time

from followed_player import Player
from stack import PATIENCE, Failure, Stack, check, leave, make_clip, wait_for

GRACE = 40
# In turn: seconds without an encoder, another size at once, kills of packaging in a row.
EVENTS = (("cut", 3), ("size", 0), ("kill", 1), ("cut", 9), ("size", 2), ("cut", 1), ("kill", 3), ("cut", 5), ("size", 4), ("cut", 0.2))

# A player stands for as long as the event, and so much longer at most. In front of a gap dash.js waits once more for as long as that is (its
# GapController).
WAITS = {"hls.js": 1, "dash.js": 1, "dash.js?ll=0": 2}
# Seen on loaded cores: hls.js 1.9 s, dash.js 12.7 and 13.4 s.
MORE = {"hls.js": 8 * PATIENCE, "dash.js": 16 * PATIENCE, "dash.js?ll=0": 16 * PATIENCE}


class Trial:
    """One stream, its clips of two sizes, and the players on it."""

    def __init__(self, stack):
        self.stack, self.stalls, self.most = stack, [], {}
        self.clips = [make_clip(stack.home / f"{size}.flv", seconds=20, gop=60, size=size) for size in ("320x180", "480x270")]
        self.publisher = stack.publish_on(self.clips[0])
        wait_for(lambda: (p := stack.playlist()) and len(p.segments) >= 3, "three segments")
        base = stack.info["hls_url"].rsplit("/", 1)[0]
        self.players = [self.play(url) for url in (stack.info["hls_url"], base + "/manifest.mpd", base + "/manifest.mpd?ll=0")]

    def play(self, url):
        player = Player(self.stack, url)
        wait_for(player.plays, f"{player.name} to play", 60)
        return player

    def cut(self, away, size=0):
        self.publisher.kill()
        self.publisher.wait()
        time.sleep(away)
        if size:
            self.clips.reverse()
        self.publisher = self.stack.publish_on(self.clips[0])

    def kill(self, times):
        for _ in range(times):
            pid = self.stack.kill("packaging")
            self.stack.wait_ready("packaging", other_than=pid, seconds=60)

    def event(self, number, kind, value):
        """Happens; then all play on, and stay so."""
        for player in self.players:
            player.longest = 0
        begun = time.monotonic()
        if kind == "kill":
            self.kill(value)
        else:
            self.cut(value, size=kind == "size")
        away, befores = time.monotonic() - begun, [player.now for player in self.players]
        print(f"{number} {kind} {value}: {away:.1f} s", flush=True)
        for place, (player, before) in enumerate(zip(self.players, befores)):
            try:
                wait_for(lambda p=player, b=before: p.plays_on(b), f"{player.name} to go on", 30)
            except Failure as failure:
                self.stalls.append(f"{number} {kind} {value}: {failure}: {player.now}")
                print(f"  {self.stalls[-1]}", flush=True)
                self.play_again(place)
        # Until each has come to where it happened: they are behind it.
        time.sleep(max(player.now["latency"] or 0 for player in self.players) + 2)
        for place, player in enumerate(self.players):
            more = player.longest - away * WAITS[player.name]
            print(f"  {player.name} stood for {player.longest:.1f} s, is {player.now['latency'] or 0:.1f} s behind", flush=True)
            self.most[player.name, kind] = max(more, self.most.get((player.name, kind), 0))
            if more > MORE[player.name]:
                self.stalls.append(f"{number} {kind} {value}: {player.name} stood for {player.longest:.1f} s")
            # In low latency it does not load the MPD again once that was refused (docs/delivery.md), and would stand at the next Period.
            if kind == "kill" and player.name == "dash.js":
                self.play_again(place)

    def play_again(self, place):
        self.players[place].end()
        self.players[place] = self.play(self.players[place].url)


def hundred(rounds=10):
    with Stack(RECONNECT_GRACE_SECONDS=str(GRACE)) as stack:
        trial = Trial(stack)
        for number in range(rounds):
            for place, (kind, value) in enumerate(EVENTS):
                trial.event(number * len(EVENTS) + place + 1, kind, value)
        for player in trial.players:
            player.end()
        for (name, kind), more in sorted(trial.most.items()):
            print(f"{name}, {kind}: stood for up to {more:.1f} s longer than the event", flush=True)
        check(not trial.stalls, f"{len(trial.stalls)} stalls: {trial.stalls}")
        leave(trial.publisher)
