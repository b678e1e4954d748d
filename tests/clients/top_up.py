"""Generates a client from the protos, tops a wallet up, reads the balance, reads a refusal.

Usage: top_up.py PROTO_FOLDER GATEWAY TOKEN WALLET
"""

import glob
import sys
import tempfile
import uuid

import grpc
from grpc_tools import protoc

protos, gateway, token, wallet = sys.argv[1:5]
out = tempfile.mkdtemp()
files = glob.glob(f"{protos}/payterms/common/v1/*.proto") + glob.glob(f"{protos}/payterms/wallet/v1/*.proto")
files += glob.glob(f"{protos}/google/google/*/*.proto")
well_known = protoc.__file__.replace("protoc.py", "_proto").replace("__init__.py", "_proto")
status = protoc.main(
    ["protoc", f"-I{protos}/google", f"-I{protos}", f"-I{well_known}", f"--python_out={out}", f"--grpc_python_out={out}", *files]
)
assert status == 0, "the protos compile"
sys.path.insert(0, out)

from google.type import money_pb2  # noqa: E402
from payterms.wallet.v1 import top_up_service_pb2 as top_ups  # noqa: E402
from payterms.wallet.v1 import top_up_service_pb2_grpc as top_up_calls  # noqa: E402
from payterms.wallet.v1 import wallet_service_pb2 as wallets  # noqa: E402
from payterms.wallet.v1 import wallet_service_pb2_grpc as wallet_calls  # noqa: E402


def shown(money):
    return f"{money.units}.{money.nanos // 10_000_000:02d} {money.currency_code}"


def order(units):
    amount = money_pb2.Money(currency_code="USD", units=units)
    return top_ups.CreateTopUpRequest(request_id=str(uuid.uuid4()), wallet=wallet, amount=amount)


channel = grpc.insecure_channel(gateway)
who = [("authorization", f"Bearer {token}")]
calls = top_up_calls.TopUpServiceStub(channel)
top_up = calls.CreateTopUp(order(25), metadata=who, timeout=20).top_up
state = top_ups.TopUp.State.Name(top_up.state).removeprefix("STATE_")
balance = wallet_calls.WalletServiceStub(channel).GetBalance(wallets.GetBalanceRequest(name=wallet), metadata=who, timeout=20).balance
try:
    calls.CreateTopUp(order(1), metadata=who, timeout=20)
    refused = "nothing"
except grpc.RpcError as error:
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    refused = "BELOW_MINIMUM" if b"BELOW_MINIMUM" in details else str(error)
print(f"{state} {shown(top_up.credit)}, balance {shown(balance.posted)}, refused: {refused}")
