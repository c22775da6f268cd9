"""The wallet as a stranger sees it: another language, the .proto files and an address, nothing else of ours.

client.py ADDRESS [GENERATED_FOLDER]; prints what it checked, exits non-zero at the first surprise.
"""
import sys
import uuid

if len(sys.argv) > 2:
    sys.path.insert(0, sys.argv[2])
import grpc
from bets.v1 import bets_pb2
from wallet.v1 import wallet_pb2 as w
from wallet.v1.wallet_pb2_grpc import WalletStub

TIMEOUT = 20
RUN = uuid.uuid4().hex[:12]  # accounts and keys of this run only


def check(what, found, expected):
    if found != expected:
        sys.exit(f"FAILED: {what}: found {found!r}, expected {expected!r}")
    print(f"ok  {what}: {found!r}")


def refused(what, call, request, code, outcome):
    """The call must end with this status, and name the outcome in its trailing metadata."""
    try:
        call(request, timeout=TIMEOUT)
    except grpc.RpcError as e:
        check(f"{what}, status", e.code(), code)
        check(f"{what}, outcome", dict(e.trailing_metadata()).get("weir-outcome"), outcome)
        return
    sys.exit(f"FAILED: {what}: was accepted, expected {code}")


def bet(bet_id, account, stake, currency="EUR"):
    return bets_pb2.PlaceBet(bet_id=bet_id, account_id=account, stake_minor=stake, currency=currency,
                             selection="home", odds_milli=1850)


def accounts(wallet, account):
    opened = wallet.Open(w.OpenRequest(account_id=account, currency="EUR"), timeout=TIMEOUT)
    check("Open", opened.outcome, w.ACCEPTED)
    check("Open, balance", opened.account.balance_minor, 0)
    again = wallet.Open(w.OpenRequest(account_id=account, currency="EUR"), timeout=TIMEOUT)
    check("Open again", again.outcome, w.REPLAYED)
    refused("Open in another currency", wallet.Open, w.OpenRequest(account_id=account, currency="USD"),
            grpc.StatusCode.INVALID_ARGUMENT, "currency-mismatch")
    refused("Open without an account", wallet.Open, w.OpenRequest(currency="EUR"),
            grpc.StatusCode.INVALID_ARGUMENT, "invalid")
    deposit = w.CreditRequest(account_id=account, idempotency_key="d1", amount_minor=10000, currency="EUR")
    check("Credit, balance", wallet.Credit(deposit, timeout=TIMEOUT).account.balance_minor, 10000)
    replay = wallet.Credit(deposit, timeout=TIMEOUT)
    check("Credit again", (replay.outcome, replay.account.balance_minor), (w.REPLAYED, 10000))
    deposit.amount_minor = 1
    refused("Credit, key used with another amount", wallet.Credit, deposit, grpc.StatusCode.ALREADY_EXISTS,
            "key-reused")
    refused("GetBalance of nobody", wallet.GetBalance, w.GetBalanceRequest(account_id="nobody-" + RUN),
            grpc.StatusCode.NOT_FOUND, "unknown-account")


def single_debits(wallet, account):
    request = w.DebitRequest(bet=bet("b1", account, 2500))
    first = wallet.Debit(request, timeout=TIMEOUT)
    placed = bets_pb2.BetPlaced.FromString(first.event)
    check("Debit", first.outcome, w.ACCEPTED)
    check("Debit, event", (placed.bet_id, placed.stake_minor, placed.balance_after_minor, placed.seq, placed.epoch),
          ("b1", 2500, 7500, first.seq, first.epoch))
    again = wallet.Debit(request, timeout=TIMEOUT)
    check("Debit again", (again.outcome, again.event == first.event), (w.REPLAYED, True))
    refused("Debit, too large", wallet.Debit, w.DebitRequest(bet=bet("b2", account, 999999)),
            grpc.StatusCode.FAILED_PRECONDITION, "insufficient-funds")
    refused("Debit, key used with another stake", wallet.Debit, w.DebitRequest(bet=bet("b1", account, 1)),
            grpc.StatusCode.ALREADY_EXISTS, "key-reused")
    refused("Debit, wrong currency", wallet.Debit, w.DebitRequest(bet=bet("b3", account, 1, "USD")),
            grpc.StatusCode.INVALID_ARGUMENT, "currency-mismatch")
    refused("Debit, no stake", wallet.Debit, w.DebitRequest(bet=bet("b4", account, 0)),
            grpc.StatusCode.INVALID_ARGUMENT, "invalid")
    refused("Debit, no account", wallet.Debit, w.DebitRequest(bet=bet("b5", "nobody-" + RUN, 1)),
            grpc.StatusCode.NOT_FOUND, "unknown-account")
    return first


def stream(wallet, account, first):
    """Two batches with ids of our own, a confirmation in between; replies in any order and batch."""
    debits = [w.DebitRequest(id=i, bet=bet(f"s{i}", account, 100)) for i in range(1, 51)]
    debits.append(w.DebitRequest(id=99, bet=bet("s99", account, 999999)))
    confirmed = w.Confirmed(epoch=first.epoch, shard=first.shard, first_seq=first.seq, last_seq=first.seq)
    batches = [w.DebitBatch(debits=debits[:20]), w.DebitBatch(debits=debits[20:], confirmed=[confirmed])]
    replies = {}
    for message in wallet.DebitStream(iter(batches), timeout=TIMEOUT):  # the status is OK, or this raises
        replies.update({r.id: r for r in message.replies})
    check("DebitStream, replies", sorted(replies), sorted(d.id for d in debits))
    check("DebitStream, accepted", sum(r.outcome == w.ACCEPTED for r in replies.values()), 50)
    check("DebitStream, too large", replies[99].outcome, w.INSUFFICIENT_FUNDS)
    seqs = [r.seq for r in replies.values() if r.outcome == w.ACCEPTED]
    check("DebitStream, every seq once", len(set(seqs)), 50)
    balance = wallet.GetBalance(w.GetBalanceRequest(account_id=account), timeout=TIMEOUT)
    check("balance after all", balance.account.balance_minor, 10000 - 2500 - 50 * 100)


def oddities(channel):
    unknown = channel.unary_unary("/wallet.v1.Wallet/Steal")
    try:
        unknown(b"", timeout=TIMEOUT)
        sys.exit("FAILED: an unknown method was answered")
    except grpc.RpcError as e:
        check("unknown method", e.code(), grpc.StatusCode.UNIMPLEMENTED)
    garbage = channel.unary_unary("/wallet.v1.Wallet/Open")
    try:
        garbage(b"\xff\xff\xff", timeout=TIMEOUT)
        sys.exit("FAILED: garbage was accepted")
    except grpc.RpcError as e:
        check("garbage", e.code(), grpc.StatusCode.INVALID_ARGUMENT)


def main():
    account = "foreign-" + RUN
    with grpc.insecure_channel(sys.argv[1], options=[("grpc.enable_http_proxy", 0)]) as channel:
        grpc.channel_ready_future(channel).result(timeout=TIMEOUT)
        wallet = WalletStub(channel)
        accounts(wallet, account)
        stream(wallet, account, single_debits(wallet, account))
        oddities(channel)
    print("a foreign client and the wallet agree")


main()
