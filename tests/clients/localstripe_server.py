"""localstripe, a fake Stripe that others wrote (PyPI: localstripe), as it is but for what it refuses of Stripe's API:

- `off_session` at a confirmation, which changes nothing in what it knows;
- `cancellation_reason` at a cancellation, which Stripe keeps, and so does this.

It serves one test on loopback, and keeps nothing on the disk.
"""

import sys

from aiohttp import web
from localstripe import resources


def confirm(id, off_session=None, **data):
    return resources.PaymentIntent._api_confirm(id, **data)


def cancel(id, cancellation_reason=None, **data):
    intent = resources.PaymentIntent._api_cancel(id, **data)
    intent.cancellation_reason = cancellation_reason
    return intent


ours = {"/v1/payment_intents/{id}/confirm": confirm, "/v1/payment_intents/{id}/cancel": cancel}
resources.extra_apis[:] = [(method, url, ours.get(url, own)) for method, url, own in resources.extra_apis]
resources.Store.dump_to_disk = lambda store: None

# Its routes are made of that list when it is imported.
from localstripe.server import app  # noqa: E402

web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=lambda _: print("serves", flush=True), access_log=None)
