"""Verifies requests of webhooks as a receiver in Python does. Standard input is JSON: the secret, and requests with headers and body."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

given = json.load(sys.stdin)
hook = Webhook(given["secret"])
types = set()
for request in given["requests"]:
    types.add(hook.verify(request["body"], request["headers"])["type"])
    try:
        hook.verify(request["body"].replace("acme", "other"), request["headers"])
        sys.exit("a body that was changed was taken")
    except WebhookVerificationError:
        pass
print(len(given["requests"]), ",".join(sorted(types)))
