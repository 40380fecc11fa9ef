#!/usr/bin/env python3
"""docs/api/openapi.yaml is true: clean by redocly's and spectral's rules, served by the running API with a page to read it, and every
operation answers as it says, in both families of paths, to those who may and to those who may not."""
import json
import subprocess
import urllib.error
import urllib.request

from stack import ROOT, Stack, check, fetch, main, make_clip, need, skip, wait_for

DESCRIPTION = ROOT / "docs/api/openapi.yaml"
HERE = ROOT / "tests/e2e/openapi"


def node(script, given=None):
    result = subprocess.run(["node", str(HERE / script), str(DESCRIPTION)], input=json.dumps(given) if given else None, capture_output=True,
                            text=True, timeout=150)
    print(result.stdout.strip(), flush=True)
    check(result.returncode == 0, f"{script}: {result.stdout[-4000:]}{result.stderr[-2000:]}")



class Calls(list):
    """What is asked, and the status that has to come."""

    def add(self, operation, expect=200, families=(0,), **how):
        for family in families:
            self.append({"operation": operation, "expect": expect, "family": family, **how})

    def refusals(self, operation, path=None, body=None, foreign=None):
        """Nobody, and somebody whose it is not."""
        how = {"path": path} if path else {}
        how |= {"body": body} if body is not None else {}
        self.add(operation, 401, (0, 1), **how)
        self.add(operation, 401, token="nonsense", **how)
        if foreign:
            self.add(operation, 404, token=foreign, **how)


def streams(calls, owner, stranger, stream_id):
    path, unknown = {"streamKey": stream_id}, {"streamKey": "nobody"}
    both = (0, 1)
    for operation in ("getStreamKey", "getStreamCredentials", "listStreams"):
        calls.add(operation, families=both, token=owner)
        calls.refusals(operation)
    for operation in ("getStream", "getStreamDetails", "startStream"):
        calls.add(operation, families=both, token=owner, path=path)
        calls.add(operation, 404, token=owner, path=unknown)
        calls.refusals(operation, path, foreign=stranger)
    calls.add("changeSettings", families=both, token=owner, path=path, body={"quality": "720p", "maxBitrate": 9000, "resolution": "1920x1080"})
    calls.add("changeSettings", token=owner, path=path, body={})
    calls.refusals("changeSettings", path, {}, stranger)
    for body in ({"maxBitrate": -1}, {"maxBitrate": "x"}, {"maxBitrate": 2**63}, {"resolution": "big"}, {"quality": 7}, "[1", "[]", '{"quality":"a","quality":"b"}',
                 '{"a":' * 100_0 + "1" + "}" * 100_0, '{"quality":"\ud800"}'.encode("utf-8", "surrogatepass").decode("latin-1")):
        calls.add("changeSettings", 400, token=owner, path=path, body=body)
    calls.add("changeSettings", 413, token=owner, path=path, body="x" * (100 << 10))


def numbers(calls, stream_id):
    for operation in ("getStatus", "getStatistics", "getMetrics"):
        calls.add(operation, families=(0, 1), path={"streamKey": stream_id})
        calls.add(operation, 404, path={"streamKey": "nobody"})
    calls.add("getHealth", families=(0, 1), path={"streamKey": stream_id})
    calls.add("getHealth", 404, path={"streamKey": "nobody"})
    calls.add("listMetrics", families=(0, 1))
    calls.add("getVastTag", families=(0, 1), query={"streamId": stream_id, "interest": "gaming", "age": "25"})
    for query in ({"age": "old"}, {"interest": "<script>"}, {"streamId": "../.."}):
        calls.add("getVastTag", 400, query=query)
    calls.add("getVast", families=(0, 1))


def recordings(calls, name):
    for operation in ("listRecordings", "listRecordingsBare"):
        calls.add(operation, families=(0, 1))
        calls.add(operation, query={"limit": "1", "offset": "0"})
        for value in ("-1", "x", "9223372036854775808", "1000000000", "0"):
            calls.add(operation, 400, query={"limit": value})
    calls.add("getRecordingDetails", families=(0, 1), path={"filename": name})
    calls.add("getRecordingDetails", 404, path={"filename": "nothing.mp4"})
    calls.add("getRecordingDetails", 400, path={"filename": ".hidden"})
    calls.add("getRecordingAccess", families=(0, 1), path={"filename": name})
    for operation in ("getRecording", "getRecordingBare"):
        calls.add(operation, families=(0, 1), path={"filename": name})
        calls.add(operation, 206, path={"filename": name}, headers={"Range": "bytes=0-99"})
        calls.add(operation, 416, path={"filename": name}, headers={"Range": "bytes=99999999999-"})
        calls.add(operation, 404, path={"filename": "nothing.mp4"})


def sign_up(stack, api, name):
    """An account, logged in: (id, e-mail address, token)."""
    email, password = f"{name}@example.org", f"password of {name}"
    status, body = post(api, "/v1/users/signup", {"email": email, "password": password, "dj_name": name, "timezone": "Europe/Berlin"})
    check(status == 200, f"sign-up: {status} {body}")
    return body["id"], email, log_in(api, email, password)


def log_in(api, email, password):
    status, body = post(api, "/v1/login/access-token", {"username": email, "password": password})
    check(status == 200, f"login: {status} {body}")
    return body["access_token"]


def post(api, path, body, token=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(api + "/api" + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def accounts(calls, user, admin, victim):
    user_id, email, token = user
    password = "password of user"
    profile = {"dj_name": "Somebody", "timezone": "UTC"}
    calls.add("signUp", body={"email": "new@example.org", "password": "a long password", **profile})
    calls.add("signUp", 400, body={"email": email, "password": "a long password", "dj_name": "Other", "timezone": "UTC"})
    for wrong in ({"email": "no address"}, {"password": "short"}, {"timezone": ""}, {"dj_name": ""}, {"is_superuser": True}, {"stream_key": "sk_mine"}, {"password": 7}):
        calls.add("signUp", 422, body={"email": "x@example.org", "password": "a long password", "dj_name": "X", "timezone": "UTC", **wrong})
    calls.add("login", form={"username": email, "password": password, "grant_type": "password"})
    calls.add("login", body={"username": email, "password": password})
    calls.add("login", 401, form={"username": email, "password": "wrong password"})
    calls.add("login", 401, form={"username": "nobody@example.org", "password": "wrong password"})
    calls.add("login", 422, form={"username": email})
    for operation in ("testToken", "testTokenBare", "getMe"):
        calls.add(operation, token=token)
        calls.refusals(operation)
    calls.add("changeMe", token=token, body={"timezone": "America/New_York"})
    calls.add("changeMe", 422, token=token, body={"stream_key": "sk_00000000000000000000000000000000"})
    calls.add("changeMe", 422, token=token, body={"is_superuser": True})
    calls.refusals("changeMe", body={})
    calls.add("changePassword", 400, token=token, body={"current_password": "not that one", "new_password": "another password"})
    calls.add("changePassword", 422, token=token, body={"current_password": password, "new_password": "short"})
    calls.refusals("changePassword", body={})
    calls.add("listAccounts", token=admin)
    calls.add("listAccounts", token=admin, query={"skip": "1", "limit": "1"})
    for query in ({"limit": "1000000000"}, {"limit": "-1"}, {"skip": "9223372036854775808"}, {"skip": "'; DROP TABLE accounts; --"}):
        calls.add("listAccounts", 422, token=admin, query=query)
    calls.add("listAccounts", 403, token=token)
    calls.refusals("listAccounts")
    calls.add("getAccount", token=admin, path={"id": user_id})
    calls.add("getAccount", token=token, path={"id": user_id})
    calls.add("getAccount", 403, token=token, path={"id": victim[0]})
    calls.add("getAccount", 404, token=admin, path={"id": "nobody"})
    calls.add("changeAccount", token=admin, path={"id": victim[0]}, body={"dj_name": "Renamed"})
    calls.add("changeAccount", 403, token=token, path={"id": user_id}, body={"is_superuser": True})
    calls.add("deleteAccount", 403, token=token, path={"id": victim[0]})
    for operation in ("getAccount", "changeAccount", "deleteAccount"):
        calls.refusals(operation, {"id": victim[0]}, {} if operation == "changeAccount" else None)
    calls.add("deleteAccount", token=admin, path={"id": victim[0]})
    calls.add("deleteAccount", 404, token=admin, path={"id": victim[0]})
    calls.add("recoverPassword", path={"email": email})
    calls.add("recoverPassword", path={"email": "nobody@example.org"})
    calls.add("resetPassword", 400, body={"token": "guessed", "new_password": "another password"})
    calls.add("resetPassword", 422, body={"token": "guessed"})
    calls.add("healthCheck")
    calls.add("changePassword", token=token, body={"current_password": password, "new_password": "another password"})
    calls.add("getMe", 401, token=token)


def playback(calls, stack, owner, stranger, user, admin, stream_id):
    """Grants and viewer keys. The keys are made here, as calls cannot hand on what they were answered."""
    path = {"streamKey": stream_id}
    api = stack.info["api_url"].rstrip("/")
    made = [post(api, f"/stream/viewers/{stream_id}", {"label": "one", "maxDevices": 1}, owner)[1] for _ in range(2)]
    key = made[0]["viewerKey"]
    calls.add("createViewer", families=(0, 1), token=owner, path=path, body={"label": "two", "maxDevices": 2, "expiresIn": 3600})
    calls.add("createViewer", 400, token=owner, path=path, body={"maxDevices": 0})
    calls.refusals("createViewer", path, {}, stranger)
    calls.add("listViewers", families=(0, 1), token=owner, path=path)
    calls.refusals("listViewers", path, foreign=stranger)
    calls.add("redeemViewerKey", families=(0, 1), path={"streamId": stream_id}, body={"viewerKey": key, "device": "a"})
    calls.add("redeemViewerKey", 403, path={"streamId": stream_id}, body={"viewerKey": key, "device": "b"})
    calls.add("redeemViewerKey", 403, path={"streamId": stream_id}, body={"viewerKey": "vk_wrong", "device": "b"})
    calls.add("redeemViewerKey", 400, path={"streamId": stream_id}, body={"device": "b"})
    calls.add("releaseDevice", path={"streamId": stream_id}, body={"viewerKey": key, "device": "a"})
    calls.add("releaseDevice", 403, path={"streamId": stream_id}, body={"viewerKey": "vk_wrong", "device": "a"})
    calls.add("revokeViewer", token=owner, path={**path, "viewerId": made[0]["viewerId"]})
    calls.add("revokeViewer", families=(1,), token=owner, path={**path, "viewerId": made[1]["viewerId"]})
    calls.add("revokeViewer", 404, token=owner, path={**path, "viewerId": "0000000000000000"})
    calls.refusals("revokeViewer", {**path, "viewerId": made[0]["viewerId"]}, foreign=stranger)
    calls.add("signPlayback", families=(0, 1), token=owner, path=path, body={"expiresIn": 60, "ip": "127.0.0.0/8"})
    calls.add("signPlayback", token=owner, path=path)
    calls.add("signPlayback", 400, token=owner, path=path, body={"expiresIn": 0})
    calls.add("signPlayback", 400, token=owner, path=path, body={"ip": "nowhere"})
    calls.refusals("signPlayback", path, {}, stranger)
    calls.add("changeVisibility", 400, token=owner, path=path, body={"private": "yes"})
    calls.refusals("changeVisibility", path, {"private": True}, stranger)
    other = json.loads(fetch(f"{api}/api/stream/key", {"Authorization": f"Bearer {user}"})[2])["streamId"]
    calls.add("changeVisibility", families=(0, 1), token=user, path={"streamKey": other}, body={"private": True})
    for operation in ("banStream", "unbanStream"):
        calls.add(operation, token=admin, path={"streamId": other})
        calls.add(operation, 404, token=admin, path={"streamId": "nobody"})
        calls.add(operation, 403, token=user, path={"streamId": other})
        calls.refusals(operation, {"streamId": other})


def last_words(calls, owner, stranger, stream_id):
    """What ends the publication and replaces its key."""
    path = {"streamKey": stream_id}
    calls.refusals("stopStream", path, foreign=stranger)
    calls.add("stopStream", families=(0, 1), token=owner, path=path)
    calls.refusals("replaceKey", path, foreign=stranger)
    calls.add("replaceKey", families=(0, 1), token=owner, path=path)
    calls.refusals("regenerateKey")
    calls.add("regenerateKey", families=(0, 1), token=owner)


def described():
    need("node", "chromium", "@redocly")
    node("lint.mjs")
    with Stack() as stack:
        first = make_clip(stack.home / "first.flv", seconds=3)
        stack.publish(first, realtime=False).wait(timeout=60)
        recorded = stack.wait_recordings(1)[0].name
        stack.publish(make_clip(stack.home / "clip.flv", seconds=10), loop=-1)
        api = stack.info["api_url"].rstrip("/")
        wait_for(lambda: json.loads(fetch(f"{api}/api/stream/status/{stack.stream_id}")[2])["isLive"], "the stream")
        status, headers, body = fetch(f"{api}/api/openapi.yaml")
        check(status == 200 and body == DESCRIPTION.read_bytes() and headers["Content-Type"] == "application/yaml", "the description is served")
        status, headers, body = fetch(f"{api}/api/docs")
        check(status == 200 and b"/assets/docs.js" in body and "default-src 'none'" in headers["Content-Security-Policy"], "the page is served")
        shown = subprocess.run(["node", str(ROOT / "tests/e2e/browser/docs.mjs"), f"{api}/api/docs"], capture_output=True, text=True, timeout=120)
        print(shown.stdout.strip(), flush=True)
        check(shown.returncode == 0, f"the page in Chromium: {shown.stdout}{shown.stderr}")
        owner, stranger = stack.info["token"], stack.issue_token("stranger")
        user, victim, root = (sign_up(stack, api, name) for name in ("user", "victim", "root"))
        check(stack.operator("--make-admin", root[1]).returncode == 0, "--make-admin")
        admin = log_in(api, root[1], "password of root")
        leaver = sign_up(stack, api, "leaver")
        calls = Calls()
        calls.add("getDescription")
        calls.add("getDocs")
        streams(calls, owner, stranger, stack.stream_id)
        numbers(calls, stack.stream_id)
        recordings(calls, recorded)
        accounts(calls, user, admin, victim)
        playback(calls, stack, owner, stranger, leaver[2], admin, stack.stream_id)
        calls.refusals("deleteMe")
        calls.add("deleteMe", token=leaver[2])
        last_words(calls, owner, stranger, stack.stream_id)
        # A password is reset with a token that comes by mail: e2e.accounts does it.
        node("check.mjs", {"api": api, "calls": calls, "elsewhere": ["resetPassword"]})


main(described)
