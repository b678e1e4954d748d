"""A real SMTP server that keeps what it takes: one .eml file a mail, in the folder that is named, and beside it what a mail client
shows of it: a .txt and a .html file.

Addresses that begin with "nobody" are refused for good, those that begin with "later" for now.
"""

import asyncio
import email
import email.policy
import pathlib
import sys

from aiosmtpd.controller import Controller

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


controller = Controller(Keeper(), hostname="127.0.0.1", port=int(sys.argv[2]))
controller.start()
print("serves", flush=True)
asyncio.new_event_loop().run_forever()
