#!/usr/bin/env python3
"""A mail server for tests, a process of its own: smtp_server.py DIRECTORY CERTIFICATE KEY USER PASSWORD

Takes mail over STARTTLS after AUTH only, and puts each one into DIRECTORY. Prints its port. While the file
DIRECTORY/later is there it answers 451: come back later."""
import asyncio
import itertools
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Box:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.numbers = itertools.count(1)

    async def handle_DATA(self, _server, _session, envelope):
        if (self.directory / "later").exists():
            return "451 come back later"
        text = f"X-From: {envelope.mail_from}\nX-To: {','.join(envelope.rcpt_tos)}\n".encode() + envelope.content
        number = next(self.numbers)
        (self.directory / f"{number}.part").write_bytes(text)
        (self.directory / f"{number}.part").rename(self.directory / f"{number}.eml")
        return "250 taken"


async def serve(directory, certificate, key, user, password):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)

    def authenticate(_server, _session, _envelope, _mechanism, data):
        good = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=good, handled=True)

    def session():
        return SMTP(Box.instance, tls_context=tls, require_starttls=True, auth_required=True, authenticator=authenticate)

    Box.instance = Box(directory)
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve(*sys.argv[1:]))
