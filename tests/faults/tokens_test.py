#!/usr/bin/env python3
"""Cases 45 and 46 (and the REST part of 47): forged, expired, foreign and misdirected tokens; external issuers whose server is
slow, huge, gone or rotates its keys. A process of its own is the issuers' server."""
import datetime
import glob
import hashlib
import hmac
import json
import threading
import time

from wire import Peer  # noqa: F401  (sets the path of the harness)
from oracle import no_secret_in_logs
from stack import SERVICES, Stack, check, fetch, main, make_clip, wait_for

from cryptography.hazmat.primitives.serialization import Encoding

from tokens import Issuer, Key, assemble, b64

BROKEN = ("error", "html", "redirect", "huge", "slow")
USED = []  # every token that was sent: none may be in a log


def bearer(token):
    USED.append(token)
    return {"Authorization": f"Bearer {token}"}


class Client:
    def __init__(self, stack):
        self.api = stack.info["api_url"].rstrip("/")

    def get(self, token=None, path="/api/stream/key", timeout=15):
        status, headers, body = fetch(self.api + path, bearer(token) if token else {}, timeout=timeout)
        check(status == 200 or "problem+json" in headers.get("Content-Type", ""), f"{path}: {status} is no problem document: {headers}")
        return status, json.loads(body)

    def status(self, token):
        return self.get(token)[0]


def good_ones(stack, issuer, client, one, two):
    """An account for each issuer and subject; the stream works as any other."""
    token = one.token(issuer.claims("one"))
    status, mine = client.get(token)
    check(status == 200 and mine["streamKey"].startswith("sk_"), f"an RS256 user gets a stream: {status} {mine}")
    check(client.get(one.token(issuer.claims("one", aud=["a", "millrace"])))[1]["streamId"] == mine["streamId"], "the same account later")
    status, other = client.get(two.token(issuer.claims("two")))
    check(status == 200 and other["streamId"] != mine["streamId"], f"an ES256 user with the same subject is another account: {status}")
    local = client.get(stack.info["token"])[1]
    check(local["streamId"] not in (mine["streamId"], other["streamId"]), "and none is a local one")
    for path in (f"/api/stream/details/{mine['streamId']}", f"/api/stream/details/{local['streamId']}"):
        check(client.get(two.token(issuer.claims("two")), path)[0] == 404, f"another tenant's stream does not exist for them: {path}")
    clip = make_clip(stack.home / "clip.flv", seconds=30)
    publisher = stack.publish(clip, url=mine["streamUrl"])
    wait_for(lambda: client.get(path=f"/api/stream/status/{mine['streamId']}")[1]["isLive"], "the user's stream to be live")
    live = client.get(token, "/api/stream/list")[1]["streams"]
    check([entry["isLive"] for entry in live] == [True], f"their list has their stream, live: {live}")
    check(not client.get(two.token(issuer.claims("two")), "/api/stream/list")[1]["streams"][0]["isLive"], "the other's list has the other's")
    publisher.kill()
    publisher.wait()


def convenient_ones(issuer, client, clerk, firebase):
    def claims(**changes):
        return issuer.claims("one", iss="https://clerk.example.com", aud=None, **changes)
    check(client.status(clerk.token(claims(azp="https://app.example"))) == 200, "Clerk's session token, keys fetched with the secret")
    check(client.status(clerk.token(claims(azp="https://evil.example"))) == 401, "Clerk's token for another application")
    check(client.status(clerk.token(issuer.claims("one"))) == 401, "Clerk's key is nobody else's")

    def project(name, audience):
        return firebase.token(issuer.claims("one", iss=f"https://securetoken.google.com/{name}", aud=audience, user_id="user_1"))
    check(client.status(project("demo-1", "demo-1")) == 200, "a Firebase ID token")
    check(client.status(project("demo-1", "demo-2")) == 401, "of another audience")
    check(client.status(project("demo-2", "demo-2")) == 401, "of another project")


def forgeries(issuer, one, two, stranger):
    """45"""
    claims = issuer.claims("one")

    def hs256(secret, **header):
        return assemble({"alg": "HS256", "typ": "JWT", "kid": one.kid, **header}, claims, lambda text: hmac.new(secret, text, hashlib.sha256).digest())

    for alg in ("none", "None", "nOnE", "NONE", ""):
        yield f"alg {alg!r}", assemble({"alg": alg, "kid": one.kid}, claims, lambda text: b"")
        yield f"alg {alg!r}, signed", one.token(claims, alg=alg)
    yield "no alg", one.token(claims, alg=None)
    for name, encoding in (("PEM", Encoding.PEM), ("DER", Encoding.DER)):
        yield f"HS256 with the public key as {name}", hs256(one.public(encoding))
    yield "HS256 with the JWK", hs256(json.dumps(one.jwk()).encode())
    yield "HS256 with an empty secret", hs256(b"")
    yield "HS256, our own issuer", assemble({"alg": "HS256"}, {**claims, "iss": "millrace"}, lambda text: hmac.new(one.public(Encoding.PEM), text, hashlib.sha256).digest())
    yield "RS256, our own issuer", one.token({**claims, "iss": "millrace"})
    for kid in ("../../dev/null", "/dev/null", "x' UNION SELECT 'a", "", 7, None, "k" * 3000):
        yield f"kid {str(kid)[:20]!r}", stranger.token(claims, kid=kid)
    yield "another key of the same name", stranger.token(claims, kid=one.kid)
    evil = f"http://127.0.0.1:{issuer.port}/evil/jwks"
    for field, value in (("jku", evil), ("x5u", evil), ("jwk", stranger.jwk()), ("x5c", ["AAAA"])):
        yield f"{field} of a stranger", stranger.token(claims, kid=one.kid, **{field: value})
        if field != "x5c":
            yield f"{field} beside a good signature", one.token(claims, **{field: value})
    good = one.token(claims)
    yield "empty signature", good[:good.rfind(".") + 1]
    yield "no signature", good[:good.rfind(".")]
    yield "half a signature", good[:-100]
    yield "ES256 r=s=0", assemble({"alg": "ES256", "kid": two.kid}, issuer.claims("two"), lambda text: bytes(64))
    yield "ES256 in DER", assemble({"alg": "ES256", "kid": two.kid}, issuer.claims("two"), lambda text: two.sign(text) + b"\0")
    yield "ES256 key for RS256", two.token(issuer.claims("two"), alg="RS256")
    yield "RS256 key for ES256", one.token(claims, alg="ES256")
    yield "another issuer's key", two.token(claims)
    yield "an unknown issuer", one.token({**claims, "iss": "https://evil.example"})
    yield "crit", one.token(claims, crit=["b64"], b64=False)


def lies(issuer, one):
    """46"""
    now = int(time.time())
    for name, changes in (("exp in the past", {"exp": now - 60}), ("exp absent", {"exp": None}), ("exp 1e308", {"exp": 1e308}), ("exp a string", {"exp": str(now + 60)}),
                          ("exp negative", {"exp": -1}), ("exp true", {"exp": True}), ("nbf in the future", {"nbf": now + 120}), ("iat in the future", {"iat": now + 120}),
                          ("aud wrong", {"aud": "others"}), ("aud absent", {"aud": None}), ("aud list wrong", {"aud": ["a", "b"]}),
                          ("aud a prefix", {"aud": "millrac"}), ("iss with a slash", {"iss": issuer.name("one") + "/"}), ("iss a list", {"iss": [issuer.name("one")]}),
                          ("sub absent", {"sub": None}), ("sub empty", {"sub": ""}), ("sub a number", {"sub": 1}), ("sub of 300", {"sub": "a" * 300})):
        yield name, one.token(issuer.claims("one", **changes))


def refused(stack, issuer, client, one, two, stranger):
    for name, token in [*forgeries(issuer, one, two, stranger), *lies(issuer, one)]:
        check(client.status(token) == 401, f"{name}: {client.status(token)}, not 401")
    asked = set(issuer.requests())
    check(not any("evil" in path or "elsewhere" in path for path in asked), f"a token made us ask: {asked}")
    good = one.token(issuer.claims("one", "mallory"))
    USED.append(good)
    for place in (f"?token={good}", f"?access_token={good}", f"?authorization=Bearer%20{good}"):
        check(client.get(path="/api/stream/key" + place)[0] == 401, "a token in the URL opens nothing")
    huge = "a" * (64 << 10)
    check(fetch(client.api + "/api/stream/key", bearer(huge))[0] in (401, 431), "a token of 64 KiB")
    check(client.status(one.token(issuer.claims("one", pad="a" * 6000))) == 401, "a token of 8 KiB, well signed")
    # Good for the leeway and no longer.
    now = int(time.time())
    check(client.status(one.token(issuer.claims("one", exp=now - 5, nbf=now + 10))) == 200, "clocks may differ by 30 s")


def newest_set(stack):
    """When auth got the last of its sets of keys, in seconds since 1970."""
    lines = [line for line in (stack.home / "logs/auth/current").read_text().splitlines() if "keys of an issuer are there" in line]
    return datetime.datetime.fromisoformat(lines[-1].split()[0].replace("Z", "+00:00")).timestamp()


def broken_servers(stack, issuer, client, stranger, keys):
    """Each of these tokens is well signed by the key that its issuer's server would give: none may pass, and none is called bad."""
    for tenant, key in keys.items():
        issuer.publish(tenant, key, mode=tenant)
    # A set that has just come is believed for 10 s; they do not come all at once.
    wait_for(lambda: time.time() > newest_set(stack) + 11, "the newest set to be old enough", 20)
    wait_for(lambda: client.status(keys["error"].token(issuer.claims("error"))) == 503, "unknown keys to be asked for", 20)
    def ask(tenant):
        began = time.monotonic()
        return tenant, client.status(keys[tenant].token(issuer.claims(tenant))), time.monotonic() - began
    answers = []
    threads = [threading.Thread(target=lambda tenant=tenant: answers.append(ask(tenant))) for tenant in BROKEN for _ in range(4)]
    for thread in threads:
        thread.start()
    # The slow ones may not take the API with them.
    began = time.monotonic()
    check(client.get(path="/api/vod/list")[0] == 200 and time.monotonic() - began < 5, "others are answered meanwhile")
    for thread in threads:
        thread.join()
    check(len(answers) == 20, f"all are answered: {answers}")
    for tenant, status, took in answers:
        check(status == 503, f"{tenant}: {status}, not 503")
        check(took < 10, f"{tenant}: an answer took {took:.1f} s")
    check("/elsewhere" not in issuer.requests(), "redirects are not followed")
    check(client.status(stranger.token(issuer.claims("slow", exp=1))) == 401, "what is expired is expired under any key")
    issuer.publish("error", keys["error"])
    wait_for(lambda: client.status(keys["error"].token(issuer.claims("error"))) == 200, "a server that is well again", 30)


def rotation(issuer, client, one, two):
    """The key changes while others ask: they notice nothing, the new key works soon, the old one no longer."""
    stop, wrong, asked = threading.Event(), [], []

    def load():
        while not stop.is_set():
            status = client.status(two.token(issuer.claims("two", f"load-{len(asked) % 50}")))
            asked.append(status)
            if status != 200:
                wrong.append(status)
            time.sleep(0.02)
    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    new = Key("rotated")
    old = one.token(issuer.claims("one", "rotating"))
    check(client.status(old) == 200, "before")
    issuer.publish("one", new)
    wait_for(lambda: client.status(new.token(issuer.claims("one", "rotating"))) == 200, "the new key to be found", 30)
    wait_for(lambda: client.status(old) == 401, "the old key to be forgotten", 30)
    check(client.status(one.token(issuer.claims("one"))) == 401, "a new token of the old key")
    before, began = len(issuer.requests()), time.monotonic()
    statuses = {client.status(new.token(issuer.claims("one"), kid=f"guess-{i}")) for i in range(100)}
    check(statuses == {401}, f"guessed keys: {statuses}")
    again = [path for path in issuer.requests()[before:] if path.startswith("/one/jwks")]
    most = 2 + (time.monotonic() - began) / 10
    check(len(again) <= most, f"a hundred guesses made us ask {len(again)} times, not {most:.1f} at most")
    stop.set()
    for thread in threads:
        thread.join()
    check(not wrong and len(asked) > 20, f"others noticed: {wrong[:5]} of {len(asked)}")
    return new


def server_gone(stack, issuer, client, one, two):
    issuer.stop()
    check(client.status(two.token(issuer.claims("two"))) == 200, "cached keys go on")
    wait_for(lambda: client.status(one.token(issuer.claims("one"), kid="unknown")) == 503, "an unknown key that nobody can tell of", 30)
    check(client.status(two.token(issuer.claims("two", "later"))) == 200 and stack.health("auth") != "down", "and still go on")
    # Nothing is known after a restart: that is not the token's fault.
    before = stack.pid("auth")
    stack.kill("auth")
    wait_for(lambda: stack.pid("auth") not in (None, before), "auth to be back")
    wait_for(lambda: client.status(stack.info["token"]) == 200, "local tokens")
    check(client.status(two.token(issuer.claims("two"))) == 503, "no keys, no answer")
    issuer.start()
    wait_for(lambda: client.status(two.token(issuer.claims("two"))) == 200, "keys to be back", 30)


def clock(stack, jump, issuer, client, one):
    """An hour forth: what was good is over. An hour back: it was made in the future."""
    for to, expected in (("+3600", 401), ("-3600", 401), ("+0", 200)):
        # Never half a file: each look at the clock reads it.
        new = jump.with_name("jump.new")
        new.write_text(to + "\n")
        new.rename(jump)
        token = one.token(issuer.claims("one", f"clock{to}"))
        check(client.status(token) == expected, f"{to}: {client.status(token)}, not {expected}")
    for service in ("auth", "api"):
        check(stack.health(service) != "down", f"{service} lives")


def nothing_leaks(stack):
    """Neither a token nor a part of one that could be used, nor Clerk's secret."""
    secrets = {token.rsplit(".", 1)[-1] for token in USED if token.count(".") == 2 and len(token.rsplit(".", 1)[-1]) > 20} | {"sk_test_of_clerk"}
    places = [*(stack.home / "logs").rglob("current")]
    check(places and len(secrets) > 50, "there is something to look for")
    texts = [(str(place), place.read_text(errors="replace")) for place in places]
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            texts.append((path, open(path, errors="replace").read()))
        except OSError:
            pass
    for name, text in texts:
        for secret in secrets:
            check(secret not in text, f"a token or a secret is in {name}")


def run():
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    with Issuer() as issuer:
        one, two, clerk, firebase, stranger = Key("one"), Key("two", "ES256"), Key("clerk"), Key("firebase"), Key("stranger")
        broken = {mode: Key(mode, "ES256") for mode in BROKEN}
        for tenant, key in (("one", one), ("two", two), ("clerk", clerk), ("firebase", firebase)):
            issuer.publish(tenant, key)
        for mode in broken:
            issuer.publish(mode, two)
        stack = Stack(OIDC_ISSUERS=",".join(issuer.name(tenant) for tenant in ("one", *BROKEN)), JWT_AUDIENCE="millrace",
                      JWT_ISSUER=issuer.name("two"), JWKS_URL=issuer.name("two") + "/jwks",
                      CLERK_SECRET_KEY="sk_test_of_clerk", CLERK_API_URL=issuer.name("clerk"), CLERK_AUTHORIZED_PARTIES="https://app.example",
                      FIREBASE_PROJECT_ID="demo-1", FIREBASE_JWKS_URL=issuer.name("firebase") + "/jwks")
        jump = stack.home / "jump"
        jump.write_text("+0\n")
        if library:
            stack.environment.update({"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(jump), "FAKETIME_NO_CACHE": "1",
                                      "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"})
        with stack:
            stack.environment.pop("LD_PRELOAD", None)
            client = Client(stack)
            steps = [(good_ones, (stack, issuer, client, one, two)), (convenient_ones, (issuer, client, clerk, firebase)),
                     (refused, (stack, issuer, client, one, two, stranger)), (broken_servers, (stack, issuer, client, stranger, broken))]
            for step, arguments in steps:
                print("  ", step.__name__, flush=True)
                step(*arguments)
            print("   rotation", flush=True)
            one = rotation(issuer, client, one, two)
            print("   server_gone", flush=True)
            server_gone(stack, issuer, client, one, two)
            if library:
                print("   clock", flush=True)
                clock(stack, jump, issuer, client, one)
            nothing_leaks(stack)
            no_secret_in_logs(stack)


main(run)
