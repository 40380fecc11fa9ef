#!/usr/bin/env python3
"""Accounts against a running stack and a real mail server: sign-up, login, changes, recovery, administrators, deletion, limits."""
import email
import email.policy
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import urllib.parse

from stack import Stack, check, fetch, main, make_clip, wait_for

PASSWORDS = {"ann": "correct horse + battery", "bob": "bob's own password", "new": "another staple & horse",
             "third": "ein drittes Paßwort"}
SMTP_PASSWORD = "mail-password-0123456789"


class Api:
    def __init__(self, stack):
        url = urllib.parse.urlsplit(stack.info["api_url"])
        self.host, self.port = url.hostname, url.port

    def call(self, method, path, body=None, token=None, form=None, source=None, raw=None):
        """(status, headers, body as JSON or text)"""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20, source_address=(source, 0) if source else None)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = raw
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body)
        elif form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            data = urllib.parse.urlencode(form)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text else None
        finally:
            connection.close()

    def expect(self, status, method, path, *arguments, **options):
        got, headers, body = self.call(method, path, *arguments, **options)
        check(got == status, f"{method} {path}: {got} instead of {status}: {body}")
        return headers, body

    def login(self, address, password, **options):
        _, body = self.expect(200, "POST", "/api/v1/login/access-token", form={"username": address, "password": password}, **options)
        check(body["token_type"] == "bearer", body)
        return body["access_token"]


class Mailbox:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.seen = set()

    def next(self, address, subject):
        def find():
            for path in sorted(self.directory.glob("*.eml")):
                mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                if path.name not in self.seen and mail["X-To"] == address and mail["Subject"] == subject:
                    self.seen.add(path.name)
                    return mail
            return None
        return wait_for(find, f"a mail to {address}: {subject}", 30)

    def count(self):
        return len(list(self.directory.glob("*.eml")))


def operator(stack, *arguments):
    environment = {**stack.environment}
    for line in (stack.home / "secrets.env").read_text().splitlines():
        name, _, value = line.partition("=")
        environment[name] = value.strip("'\"")
    binary = pathlib.Path(os.environ["MILLRACE_BIN"]) / "millrace-auth"
    return subprocess.run([str(binary), *arguments], env=environment, capture_output=True, text=True, timeout=60)


def start_smtp(directory):
    """Debian's python3 runs it: the one that has Debian's aiosmtpd."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{directory}/key.pem",
                    "-out", f"{directory}/cert.pem"], check=True, capture_output=True)
    server = subprocess.Popen(["/usr/bin/python3", str(pathlib.Path(__file__).with_name("smtp_server.py")), directory, f"{directory}/cert.pem",
                               f"{directory}/key.pem", "mailer", SMTP_PASSWORD], stdout=subprocess.PIPE, text=True)
    port = server.stdout.readline().strip()
    check(port, "the mail server does not start")
    return server, port


def sign_up(api, name, **changes):
    body = {"email": f"{name}@example.com", "password": PASSWORDS[name], "dj_name": f"DJ {name}", "timezone": "Europe/Berlin", **changes}
    return api.call("POST", "/api/v1/users/signup", body)


def signing_up(api, mailbox):
    status, _, ann = sign_up(api, "ann")
    check(status == 200, ann)
    check(ann["id"].startswith("acct_") and ann["email"] == "ann@example.com" and ann["is_superuser"] is False, ann)
    check(ann["stream_key"].startswith("sk_") and not any("password" in name for name in ann), ann)
    check(sign_up(api, "bob")[0] == 200, "bob signs up")
    mailbox.next("ann@example.com", "Welcome")
    for changes, wanted, field in (({"timezone": ""}, 422, "timezone"), ({"password": "short"}, 422, "password"),
                                   ({"email": "ann@example.com\r\nBcc: x@example.com"}, 422, "email"),
                                   ({"dj_name": 5}, 422, "dj_name"), ({"is_superuser": True}, 422, "is_superuser"),
                                   ({"email": "ANN@example.com"}, 400, "email"), ({"email": "c@example.com"}, 400, "dj_name")):
        status, headers, body = sign_up(api, "ann", **changes)
        check(status == wanted and body["field"] == field and field in body["message"], f"{changes}: {status} {body}")
        check(body["status_code"] == 10000 + wanted and body["data"] is None, body)
        check(headers["Content-Type"] == "application/problem+json", headers)
    for raw in ('{"email":', '{"email":"a","email":"b"}', "[" * 5000, '["a"]', ""):
        check(api.call("POST", "/api/v1/users/signup", raw=raw)[0] == 400, f"body {raw[:40]}")
    return ann


def logging_in(api, ann):
    token = api.login("ANN@example.com", PASSWORDS["ann"])
    _, body = api.expect(200, "POST", "/api/v1/login/access-token", {"username": "ann@example.com", "password": PASSWORDS["ann"]})
    for path in ("/api/v1/login/access-token/", "/api/v1/login/access-token"):
        headers, wrong = api.expect(401, "POST", path, form={"username": "ann@example.com", "password": "wrong horse"})
        check(headers["WWW-Authenticate"] == "Bearer", headers)
    _, unknown = api.expect(401, "POST", "/api/v1/login/access-token", form={"username": "who@example.com", "password": "wrong horse"})
    check(wrong == unknown, "a wrong password and an unknown address read the same")
    api.expect(422, "POST", "/api/v1/login/access-token", form={"username": "ann@example.com"})
    for method, path in (("GET", "/api/v1/users/me"), ("POST", "/api/v1/login/test-token"), ("POST", "/test-token")):
        _, me = api.expect(200, method, path, token=body["access_token"])
        check(me == ann, f"{path}: {me}")
        api.expect(401, method, path)
    check(api.expect(200, "GET", "/api/v1/health-check/")[1] is True, "health check")
    _, key = api.expect(200, "GET", "/api/stream/key", token=token)
    check(key["streamKey"] == ann["stream_key"], "one key in both APIs")
    return token


def changing_the_address(api, mailbox, token):
    """Only with the password; the old address hears of it, and for a day no password is recovered through the new one."""
    path, wish = "/api/v1/users/me", {"email": "bob@new.example.com"}
    _, refused = api.expect(422, "PATCH", path, wish, token=token)
    check(refused["field"] == "current_password", refused)
    api.expect(400, "PATCH", path, {**wish, "current_password": "wrong horse"}, token=token)
    _, me = api.expect(200, "PATCH", path, {**wish, "current_password": PASSWORDS["bob"]}, token=token)
    check(me["email"] == wish["email"], me["email"])
    check("another e-mail address" in mailbox.next("bob@example.com", "Your e-mail address was changed").get_content(), "the old address is told")
    before = mailbox.count()
    api.expect(200, "POST", f"/api/v1/password-recovery/{wish['email']}")
    back = {"email": "bob@example.com", "current_password": PASSWORDS["bob"]}
    api.expect(200, "PATCH", path, back, token=token)
    mailbox.next(wish["email"], "Your e-mail address was changed")
    check(mailbox.count() == before + 1, "and nothing else was written to it")


def changing(api, token):
    picture = "data:image/png;base64," + "A" * 40000
    _, me = api.expect(200, "PATCH", "/api/v1/users/me", {"dj_name": "Änn", "profile_picture": picture}, token=token)
    check(me["dj_name"] == "Änn" and me["profile_picture"] == picture and me["email"] == "ann@example.com", me["dj_name"])
    _, me = api.expect(200, "PATCH", "/api/v1/users/me", {"profile_picture": None}, token=token)
    check(me["profile_picture"] is None and me["dj_name"] == "Änn", me)
    for body, field in (({"stream_key": "MYOWNKEY00"}, "stream_key"), ({"is_superuser": True}, "is_superuser"), ({"nonsense": 1}, "nonsense"),
                        ({"profile_picture": "data:image/svg+xml;base64,AAAA"}, "profile_picture")):
        _, refused = api.expect(422, "PATCH", "/api/v1/users/me", body, token=token)
        check(refused["field"] == field, refused)


def changing_the_password(api, token):
    path = "/api/v1/users/me/password"
    api.expect(400, "PATCH", path, {"current_password": "wrong horse", "new_password": PASSWORDS["new"]}, token=token)
    api.expect(422, "PATCH", path, {"current_password": PASSWORDS["ann"], "new_password": "short"}, token=token)
    api.expect(200, "GET", "/api/v1/users/me", token=token)
    api.expect(200, "PATCH", path, {"current_password": PASSWORDS["ann"], "new_password": PASSWORDS["new"]}, token=token)
    # The gateway remembers good tokens for 5 s: it is asked to forget.
    wait_for(lambda: api.call("GET", "/api/v1/users/me", token=token)[0] == 401, "the old token to be worth nothing", 3)
    api.expect(401, "POST", "/api/v1/login/access-token", form={"username": "ann@example.com", "password": PASSWORDS["ann"]})
    return api.login("ann@example.com", PASSWORDS["new"])


def recovering(api, mailbox, token):
    (mailbox.directory / "later").touch()
    before = mailbox.count()
    _, known = api.expect(200, "POST", "/api/v1/password-recovery/Ann@example.com")
    _, unknown = api.expect(200, "POST", "/api/v1/password-recovery/nobody@example.com")
    check(known == unknown, "known and unknown addresses read the same")
    api.expect(200, "POST", "/api/v1/password-recovery/not-an-address")
    (mailbox.directory / "later").unlink()
    mail = mailbox.next("ann@example.com", "Reset your password")  # the second try, 5 s after the first
    check(mail["X-From"] == "stage@example.org" and mail["From"] == "stage@example.org", mail["From"])
    link = re.search(r"https://(\S+)/reset-password\?token=(\S+)", mail.get_content())
    check(link.group(1) == "stage.example.org", link)
    reset = {"token": link.group(2), "new_password": PASSWORDS["third"]}
    api.expect(400, "POST", "/api/v1/reset-password/", {**reset, "token": "guessed"})
    api.expect(422, "POST", "/api/v1/reset-password/", {**reset, "new_password": "short"})
    api.expect(200, "POST", "/api/v1/reset-password/", reset)
    api.expect(400, "POST", "/api/v1/reset-password", reset)
    wait_for(lambda: api.call("GET", "/api/v1/users/me", token=token)[0] == 401, "tokens of before to be worth nothing", 3)
    check(mailbox.count() == before + 1, "nobody else was written to")
    return api.login("ann@example.com", PASSWORDS["third"])


def publish_as(stack, clip, account):
    return stack.publish(clip, url=f"{stack.info['publish_url'].rsplit('/', 1)[0]}/{account['stream_key']}", loop=50)


def hls_status(stack, account, query=""):
    return fetch(stack.info["hls_url"].replace(stack.stream_id, account["stream_id"]) + query)[0]


def listed(api):
    return api.expect(200, "GET", "/api/metrics")[1]


def switching_off_while_metrics_hangs(stack, api, path, account, token):
    """The API goes by auth's word, not by what metrics last reported."""
    wait_for(lambda: account["stream_id"] in listed(api), "bob's stream to be listed")
    pid = stack.kill("metrics", signal.SIGSTOP)
    try:
        check(account["stream_id"] in listed(api), "bob's stream is listed while metrics hangs")
        check(api.expect(200, "PATCH", path, {"is_active": False}, token=token)[1]["is_active"] is False, "bob is switched off")
        wait_for(lambda: account["stream_id"] not in listed(api), "his stream to be listed no more", 1)
    finally:
        os.kill(pid, signal.SIGCONT)


def switching_off(stack, api, clip, account, token):
    """What was live is neither live nor to be watched, until the account is switched on again."""
    path = f"/api/v1/users/{account['id']}"
    publisher = publish_as(stack, clip, account)
    wait_for(lambda: hls_status(stack, account) == 200, "bob's playlist")
    switching_off_while_metrics_hangs(stack, api, path, account, token)
    wait_for(lambda: hls_status(stack, account) == 404, "his playlist to be gone", 5)
    wait_for(lambda: publisher.poll() is not None, "his publisher to be cut", 10)
    api.expect(200, "PATCH", path, {"is_active": True}, token=token)
    wait_for(lambda: hls_status(stack, account) == 200, "his playlist to be back", 5)
    api.expect(200, "PATCH", path, {"is_active": False}, token=token)
    wait_for(lambda: hls_status(stack, account) == 404, "his playlist to be gone again", 5)


def administering(stack, api, clip, ann, token):
    bob = api.login("bob@example.com", PASSWORDS["bob"])
    for path in ("/api/v1/users/?skip=0&limit=5", "/api/v1/users", f"/api/v1/users/{ann['id']}"):
        api.expect(403, "GET", path, token=bob)
        api.expect(401, "GET", path)
    for method, body in (("PATCH", {"is_superuser": True}), ("DELETE", None)):
        api.expect(403, method, f"/api/v1/users/{ann['id']}", body, token=bob)
    _, himself = api.expect(200, "GET", "/api/v1/users/me", token=bob)
    _, seen = api.expect(200, "GET", f"/api/v1/users/{himself['id']}", token=bob)
    check("stream_key" not in seen and seen["email"] == "bob@example.com", seen)
    check(operator(stack, "--make-admin", "nobody@example.com").returncode != 0, "nobody is made an administrator")
    made = operator(stack, "--make-admin", "ANN@example.com")
    check(made.returncode == 0, made.stderr)
    wait_for(lambda: api.call("GET", "/api/v1/users/", token=token)[0] == 200, "the same token to be an administrator's", 3)
    for path in ("/api/v1/users/?skip=0&limit=5", "/api/v1/users?limit=100"):
        _, page = api.expect(200, "GET", path, token=token)
        check(page["count"] == 2 and [row["email"] for row in page["data"]] == ["ann@example.com", "bob@example.com"], page)
        check(not re.search("stream_key|password|argon2|sk_", json.dumps(page)), page)
    check(len(api.expect(200, "GET", "/api/v1/users/?skip=1&limit=1", token=token)[1]["data"]) == 1, "a page of one")
    for query in ("limit=101", "limit=-1", "skip=x"):
        api.expect(422, "GET", f"/api/v1/users/?{query}", token=token)
    api.expect(404, "GET", "/api/v1/users/acct_unknown", token=token)
    path = f"/api/v1/users/{himself['id']}"
    switching_off(stack, api, clip, himself, token)
    wait_for(lambda: api.call("GET", "/api/v1/users/me", token=bob)[0] == 401, "his token to be worth nothing", 3)
    api.expect(403, "POST", "/api/v1/login/access-token", form={"username": "bob@example.com", "password": PASSWORDS["bob"]})
    api.expect(200, "DELETE", path, token=token)
    api.expect(401, "POST", "/api/v1/login/access-token", form={"username": "bob@example.com", "password": PASSWORDS["bob"]})
    api.expect(200, "PATCH", f"/api/v1/users/{ann['id']}", {"is_superuser": False}, token=token)
    wait_for(lambda: api.call("GET", "/api/v1/users/", token=token)[0] == 403, "the token to be a user's again", 3)


def guessing(api):
    """Enough wrong passwords from one address wait; the owner, at another one, does not."""
    guess = {"username": "ann@example.com", "password": "wrong horse"}
    for _ in range(30):
        status, headers, body = api.call("POST", "/api/v1/login/access-token", form=guess, source="127.0.0.3")
        if status == 429:
            break
    check(status == 429 and int(headers["Retry-After"]) > 0 and body["type"] == "urn:millrace:too_many_attempts", f"{status} {body}")
    api.expect(429, "POST", "/api/v1/login/access-token", form={**guess, "password": PASSWORDS["third"]}, source="127.0.0.3")
    return api.login("ann@example.com", PASSWORDS["third"])


def deleting(stack, api, clip, ann, token):
    api.expect(200, "POST", f"/api/stream/visibility/{ann['stream_id']}", {"private": True}, token=token)
    publisher = publish_as(stack, clip, ann)
    status = f"/api/stream/status/{ann['stream_id']}"
    wait_for(lambda: api.call("GET", status, token=token)[2].get("isLive"), "ann's stream to be live")
    signed = "?token=" + api.expect(200, "POST", f"/api/stream/playback/{ann['stream_id']}", {}, token=token)[1]["token"]
    wait_for(lambda: hls_status(stack, ann, signed) == 200, "the URL that she signed to work")
    api.expect(200, "DELETE", "/api/v1/users/me", token=token)
    wait_for(lambda: publisher.poll() is not None, "her publisher to be cut", 10)
    wait_for(lambda: api.call("GET", "/api/v1/users/me", token=token)[0] == 401, "her token to be worth nothing", 3)
    wait_for(lambda: api.call("GET", f"/api/stream/status/{ann['stream_id']}")[0] == 404, "her stream to be unknown", 5)
    check(publish_as(stack, clip, ann).wait(timeout=30) != 0, "her key is worth nothing")
    wait_for(lambda: hls_status(stack, ann, signed) == 404, "the URL that she signed to be worth nothing", 5)
    for service in ("auth", "packaging"):
        stack.wait_ready(service, other_than=stack.kill(service))
    check(hls_status(stack, ann, signed) == 404, "also after restarts")
    wait_for(lambda: api.call("GET", "/api/v1/users/me", token=token)[0] == 401, "a restarted auth to know it still")


def nothing_tells(stack, secrets):
    texts = {path.name: path.read_text(errors="replace") for path in (stack.home / "logs").glob("*/current")}
    for service in stack.status()["services"]:
        if service["pid"]:
            texts[service["name"]] = pathlib.Path(f"/proc/{service['pid']}/cmdline").read_text()
    for name, text in texts.items():
        check(not any(secret in text for secret in secrets), f"a secret in the log or command line of {name}")


def test():
    with tempfile.TemporaryDirectory() as directory:
        clip = make_clip(pathlib.Path(directory) / "clip.flv", seconds=10)
        server, port = start_smtp(directory)
        try:
            with Stack(SMTP_SERVER="127.0.0.1", SMTP_PORT=port, SMTP_CA_FILE=f"{directory}/cert.pem", SMTP_USER="mailer",
                       SMTP_PASSWORD=SMTP_PASSWORD, SMTP_FROM_EMAIL="stage@example.org", DOMAIN="stage.example.org",
                       HLS_SEGMENT_MS="500", ACCOUNT_ATTEMPTS="20") as stack:
                api, mailbox = Api(stack), Mailbox(directory)
                ann = signing_up(api, mailbox)
                token = logging_in(api, ann)
                tokens = [token]
                changing(api, token)
                changing_the_address(api, mailbox, api.login("bob@example.com", PASSWORDS["bob"]))
                token = changing_the_password(api, token)
                tokens.append(token)
                token = recovering(api, mailbox, token)
                administering(stack, api, clip, ann, token)
                token = guessing(api)
                tokens.append(token)
                deleting(stack, api, clip, ann, token)
                nothing_tells(stack, [*PASSWORDS.values(), *tokens, SMTP_PASSWORD, ann["stream_key"][3:], "argon2id$"])
        finally:
            server.kill()
            server.wait()


main(test)
