"""A mail server for the tests, made of aiosmtpd and nothing of ours.

Arguments: starttls, implicit or none; certificate; key; no-plain if it knows
LOGIN only. It wants the user
"gateway" with the password "授权码" wherever the line is encrypted. It prints its
port, then each message it takes as a line of JSON. nobody@ is refused for good,
later@ for now.
"""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Post:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user here"
        if address.startswith("later@"):
            return "451 4.7.1 greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": sys.argv[1] == "implicit" or session.ssl is not None,
            "data": envelope.content.decode("ascii"),  # what is not ASCII must be encoded
        }), flush=True)
        return "250 OK queued"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"gateway" and data.password == "授权码".encode()
    return AuthResult(success=good, handled=False, message=None if good else "535 5.7.8 authentication failed")


async def main():
    mode, cert, key = sys.argv[1:4]
    context = None
    if mode != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

    def protocol():
        return SMTP(Post(), hostname="mail.example", authenticator=authenticate, auth_required=mode != "none",
                    auth_require_tls=mode == "starttls", require_starttls=mode == "starttls",
                    tls_context=context if mode == "starttls" else None, auth_exclude_mechanism=["PLAIN"] if len(sys.argv) > 4 else [])

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=context if mode == "implicit" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
