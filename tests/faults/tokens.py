"""Keys and tokens of issuers, made by python's cryptography, and the process that publishes them (issuer.py)."""
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from stack import free_port, wait_for


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, width=None):
    return b64(value.to_bytes(width or (value.bit_length() + 7) // 8, "big"))


class Key:
    def __init__(self, kid, algorithm="RS256"):
        self.kid, self.algorithm = kid, algorithm
        self.private = rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        if self.algorithm == "RS256":
            return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": number(numbers.n), "e": number(numbers.e)}
        return {"kty": "EC", "use": "sig", "alg": "ES256", "kid": self.kid, "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}

    def public(self, encoding):
        return self.private.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, text):
        if self.algorithm == "RS256":
            return self.private.sign(text, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.private.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, claims, **header):
        return assemble({"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **header}, claims, self.sign)


def assemble(header, claims, sign):
    header = {name: value for name, value in header.items() if value is not None}
    part = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    return part + "." + b64(sign(part.encode()))


class Issuer:
    """The process, and how to write what it says."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="millrace-issuer-")
        self.path = pathlib.Path(self.directory.name)
        self.child = None
        self.port = free_port()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.directory.cleanup()

    def start(self):
        """On the same port each time."""
        (self.path / "port").unlink(missing_ok=True)
        self.child = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).with_name("issuer.py")), str(self.path), str(self.port)],
                                      stdin=subprocess.DEVNULL, env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD"})
        wait_for(lambda: (self.path / "port").exists(), "the issuer to listen")

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def name(self, tenant):
        return f"http://127.0.0.1:{self.port}/{tenant}"

    def publish(self, tenant, *keys, mode=None):
        self.replace(f"{tenant}.jwks", json.dumps({"keys": [key.jwk() for key in keys]}))
        if mode:
            self.replace(f"{tenant}.mode", mode)
        else:
            (self.path / f"{tenant}.mode").unlink(missing_ok=True)

    def replace(self, name, text):
        new = self.path / (name + ".new")
        new.write_text(text)
        new.rename(self.path / name)

    def requests(self):
        log = self.path / "requests"
        return log.read_text().split() if log.exists() else []

    def claims(self, tenant, subject="user_1", **changes):
        now = int(time.time())
        claims = {"iss": self.name(tenant), "sub": subject, "aud": "millrace", "iat": now, "exp": now + 600, **changes}
        return {name: value for name, value in claims.items() if value is not None}
