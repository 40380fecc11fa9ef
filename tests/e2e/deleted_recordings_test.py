#!/usr/bin/env python3
"""What becomes of the recordings of a deleted account is its owner's wish: kept for administrators only, or deleted with everything
beside them, what is being recorded included; also when recording stands still meanwhile and auth is killed before it is back."""
import json
import os
import pathlib
import signal
import time
import urllib.request

from stack import PATIENCE, Stack, check, fetch, main, make_clip, wait_for

PASSWORD = "correct horse battery"
GRACE = 80  # seconds that an encoder has to come back


class Account:
    """An account with its stream, and what there is of it in the directory of recordings."""

    def __init__(self, stack, name):
        self.stack, self.base = stack, stack.info["api_url"]
        body = {"email": f"{name}@example.com", "password": PASSWORD, "dj_name": name, "timezone": "UTC"}
        answer = self.post("/api/v1/users/signup", body)
        self.key, self.stream_id = answer["stream_key"], answer["stream_id"]
        self.token = self.post("/api/v1/login/access-token", {"username": body["email"], "password": PASSWORD})["access_token"]

    def post(self, path, body, token=None):
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), headers, method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def hide(self):
        self.post(f"/api/stream/visibility/{self.stream_id}", {"private": True}, self.token)

    def publish(self, clip, **options):
        return self.stack.publish(clip, url=self.stack.info["publish_url"].rsplit("/", 1)[0] + "/" + self.key, **options)

    def record(self, clip):
        """A finished recording; its name."""
        before = len(self.finished())
        check(self.publish(clip).wait(timeout=60) == 0, "the publisher ended well")
        wait_for(lambda: len(self.finished()) > before, "a finished recording")
        return self.finished()[-1].name

    def files(self):
        directory = pathlib.Path(self.stack.info["vod_directory"])
        return sorted(p for p in directory.iterdir() if p.name.lstrip(".").startswith(self.stream_id))

    def finished(self):
        return [p for p in self.files() if p.name.endswith("Z.mp4")]

    def delete(self, query=""):
        return fetch(f"{self.base}/api/v1/users/me{query}", {"Authorization": f"Bearer {self.token}"}, "DELETE")[0]


def shown(stack, name, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return fetch(f"{stack.info['api_url']}/api/vod/file/{name}", headers)[0]


def goes_while_it_is_live(account, clip):
    account.record(clip)
    account.hide()
    publisher = account.publish(clip, loop=-1)
    wait_for(lambda: any(p.name.endswith(".part.mp4") for p in account.files()), "what is being recorded")
    check(any(p.name.startswith(".") for p in account.files()), f"a mark of privacy: {account.files()}")
    check(account.delete("?recordings=none") == 422, "a wish that is none")
    check(account.delete("?recordings=delete") == 200, "deleted")
    check(publisher.wait(timeout=30) is not None, "the publisher is cut")
    wait_for(lambda: not account.files(), "every file to go")


def goes_while_it_waits_for_its_encoder(account, clip):
    publisher = account.publish(clip, loop=-1)
    wait_for(lambda: any(p.name.endswith(".part.mp4") for p in account.files()), "what is being recorded")
    publisher.kill()
    publisher.wait()
    time.sleep(2)
    check(account.files(), "the file waits for its encoder")
    check(account.delete("?recordings=delete") == 200, "deleted")
    wait_for(lambda: not account.files(), "the file that waited to go", GRACE / 4)


def goes_when_recording_is_back(stack, account, clip):
    name = account.record(clip)
    check(shown(stack, name) == 200, "public before")
    pid = stack.kill("recording", signal.SIGSTOP)
    check(account.delete("?recordings=delete") == 200, "deleted while recording stands still")
    wait_for(lambda: shown(stack, name) in (401, 403, 404), "it to be nobody's", 5)
    stack.wait_ready("auth", other_than=stack.kill("auth"))
    check(shown(stack, name) != 200 and account.finished(), "it is there, and shown to nobody, also after a restart of auth")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not account.files(), "it to go when recording is back")


def stays(stack, account, clip, administrator):
    name = account.record(clip)
    check(account.delete() == 200, "deleted")
    wait_for(lambda: shown(stack, name) in (401, 403, 404), "it to be nobody's", 5)
    check(shown(stack, name, administrator) == 200, "but the administrators'")
    return name


def deleted_recordings():
    with Stack(HLS_SEGMENT_MS="500", RECONNECT_GRACE_SECONDS=str(min(round(GRACE * PATIENCE), 110))) as stack:
        clip = make_clip(stack.home / "clip.flv", seconds=4)
        keeper, live, gone, away = (Account(stack, name) for name in ("keeper", "live", "gone", "away"))
        boss = Account(stack, "boss")
        made = stack.operator("--make-admin", "boss@example.com")
        check(made.returncode == 0, made.stderr)
        kept = stays(stack, keeper, clip, boss.token)
        goes_while_it_is_live(live, clip)
        goes_while_it_waits_for_its_encoder(gone, clip)
        goes_when_recording_is_back(stack, away, clip)
        check(shown(stack, kept, boss.token) == 200 and keeper.finished(), "who wanted it kept has it kept")


main(deleted_recordings)
