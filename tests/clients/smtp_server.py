"""A real SMTP server that keeps what it takes: one .eml file a mail, in the folder that is named, and beside it what a mail client
shows of it: a .txt and a .html file.

Addresses that begin with "nobody" are refused for good, those that begin with "later" for now. With a folder of a certificate (tls.crt,
tls.key) as the third argument the line begins with TLS, and who sends has to log in as `payterms` with the password `right`.
"""

import asyncio
import email
import email.policy
import pathlib
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

folder = pathlib.Path(sys.argv[1])


class Keeper:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 There is nobody of that name"
        if address.startswith("later"):
            return "451 4.3.0 Come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        for kind, suffix in (("plain", "txt"), ("html", "html")):
            part = message.get_body((kind,))
            if part is not None:
                (folder / f"{self.count}.{suffix}").write_text(part.get_content(), encoding="utf-8")
        (folder / f"{self.count}.eml").write_bytes(envelope.content)
        return "250 OK"


def logs_in(server, session, envelope, mechanism, login):
    is_right = (login.login, login.password) == (b"payterms", b"right")
    # What is not handled is refused by the server.
    return AuthResult(success=is_right, handled=is_right)


guarded = {}
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{sys.argv[3]}/tls.crt", f"{sys.argv[3]}/tls.key")
    guarded = dict(ssl_context=context, authenticator=logs_in, auth_required=True, auth_require_tls=False)
controller = Controller(Keeper(), hostname="127.0.0.1", port=int(sys.argv[2]), **guarded)
controller.start()
print("serves", flush=True)
asyncio.new_event_loop().run_forever()
