#!/usr/bin/env python3
"""Players who remember every answer: opens accounts, deposits, bets at a steady rate, and repeats what got no answer, or
a 503, with the same bet_id until it gets a definite one. Then it compares what it was told with what the stores hold.
With --twin every bet goes to two addresses at the same moment.

  players.py run    --url URL [--twin URL] --rate N --until FILE --out FILE
                                                                 bets until FILE exists, then finishes what is open
  players.py verify --out FILE --pg URL --ch URL                 every answer against record.bets, weir.bets and balances
"""
import argparse, collections, concurrent.futures, http.client, json, os, queue, random, subprocess, sys, threading, time, urllib.parse

ACCOUNTS, DEPOSIT, WORKERS, PATIENCE_S = 200, 2_000_000, 24, 90


class Wrong(Exception):
    pass


class Api:
    """One keep-alive connection; every failure of it means "no answer"."""

    def __init__(self, url):
        self.at = urllib.parse.urlsplit(url)
        self.conn = None

    def call(self, method, path, body=None, headers=None):
        """(status, parsed body), or (None, why) when there was no whole answer."""
        try:
            if not self.conn:
                self.conn = http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=5)
            data = json.dumps(body) if body is not None else None
            self.conn.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            r = self.conn.getresponse()
            raw = r.read()
            return r.status, json.loads(raw) if raw else {}
        except (OSError, http.client.HTTPException, ValueError) as e:
            if self.conn:
                self.conn.close()
            self.conn = None
            return None, repr(e)

    def insist(self, method, path, body, headers, counts):
        """Repeats the same request until the answer is definite; checks that each refusal says which kind it is."""
        end, pause, tries = time.monotonic() + PATIENCE_S, 0.02, 0
        while True:
            status, answer = self.call(method, path, body, headers)
            tries += 1
            if status is None:
                counts["no answer"] += 1
            elif status == 503:
                if answer.get("outcome") not in ("not-executed", "unknown"):
                    raise Wrong(f"503 without outcome: {answer}")
                counts["503 " + answer["outcome"]] += 1
            elif status >= 500:
                raise Wrong(f"{method} {path}: {status} {answer}")
            else:
                return status, answer, tries
            if time.monotonic() > end:
                raise Wrong(f"{method} {path}: no definite answer within {PATIENCE_S} s, last {status} {answer}")
            time.sleep(pause)
            pause = min(pause * 2, 0.5)


class Twin:
    """A second player who sends the same, from a thread of its own."""

    def __init__(self, url, counts):
        self.api, self.counts, self.pool = Api(url), counts, concurrent.futures.ThreadPoolExecutor(1)

    def submit(self, bet):
        return self.pool.submit(self.api.insist, "POST", "/v1/bets", bet, None, self.counts)


def compare(bet, status, answer, other):
    """One of them is first; both hear the same."""
    same = status == other[0] == 402 or {status, other[0]} in ({200}, {200, 201}) and answer == other[1]
    if not same:
        raise Wrong(f"twins heard different things of {bet}: {status} {answer}, {other[0]} {other[1]}")


def place(api, twin, waits, rng, account, number, run, counts, told):
    too_large = rng.random() < 0.01
    bet = {"bet_id": f"{run}-{number}", "account_id": account, "stake_minor": DEPOSIT * 10 if too_large else rng.randint(1, 50),
           "currency": "EUR", "selection": rng.choice(["home", "draw", "away", "ünïcode \"quoted\"\ttab"]), "odds_milli": rng.randint(1010, 9000)}
    other = twin and twin.submit(bet)
    began = time.monotonic()
    status, answer, tries = api.insist("POST", "/v1/bets", bet, None, counts)
    waits.append(time.monotonic() - began)
    if other:
        compare(bet, status, answer, other.result())
    if status not in (200, 201, 402):
        raise Wrong(f"bet {bet}: {status} {answer}")
    if status == 200 and tries == 1 and not other:
        raise Wrong(f"a first try was answered as a replay: {bet}")
    if status == 402 and not too_large:
        raise Wrong(f"refused although there is money: {bet} {answer}")
    if status != 402 and too_large:
        raise Wrong(f"accepted although there is not enough money: {bet} {answer}")
    told.append({**bet, "accepted": status != 402, "answer": answer})
    if rng.random() < 0.02:  # again: the first answer again
        status2, again, _ = api.insist("POST", "/v1/bets", bet, None, counts)
        if status2 != (200 if status != 402 else 402) or (status != 402 and again != answer):
            raise Wrong(f"another answer to a repeated bet: {status} {answer}, then {status2} {again}")


def worker(n, args, work, counts, told, waits, errors):
    api, rng = Api(args.url), random.Random(f"{args.seed}-{n}")
    mine, twins = collections.Counter(), collections.Counter()
    twin = Twin(args.twin, twins) if args.twin else None
    while True:
        number = work.get()
        if number is None:
            break
        try:
            place(api, twin, waits, rng, f"{args.run}-p{number % ACCOUNTS}", number, args.run, mine, told)
        except Wrong as e:
            errors.append(str(e))
    counts.update(mine + twins)


def open_accounts(args, counts):
    api = Api(args.url)
    for i in range(ACCOUNTS):
        account = f"{args.run}-p{i}"
        status, answer, _ = api.insist("POST", "/v1/accounts", {"account_id": account, "currency": "EUR"}, None, counts)
        if status not in (200, 201):
            raise Wrong(f"open {account}: {status} {answer}")
        status, answer, _ = api.insist("POST", f"/v1/accounts/{account}/deposits", {"amount_minor": DEPOSIT, "currency": "EUR"},
                                       {"Idempotency-Key": "first"}, counts)
        if status not in (200, 201):
            raise Wrong(f"deposit {account}: {status} {answer}")


def run(args):
    counts, told, waits, errors, work = collections.Counter(), [], [], [], queue.Queue(maxsize=2 * WORKERS)
    open_accounts(args, counts)
    threads = [threading.Thread(target=worker, args=(n, args, work, counts, told, waits, errors)) for n in range(WORKERS)]
    for t in threads:
        t.start()
    began, number = time.monotonic(), 0
    while not os.path.exists(args.until) and not errors:
        work.put(number)  # waits while all players wait for answers: no bet is forgotten, the rate drops
        number += 1
        ahead = began + number / args.rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        elif ahead < -1:
            began = time.monotonic() - number / args.rate  # after an outage: go on at the rate, no burst
    for _ in threads:
        work.put(None)
    for t in threads:
        t.join()
    seconds = time.monotonic() - began
    with open(args.out, "w") as f:
        json.dump({"run": args.run, "told": told}, f)
    accepted = sum(b["accepted"] for b in told)
    print(f"{len(told)} bets answered, {accepted} accepted, {len(told) - accepted} refused; on the way: {dict(counts)}; "
          f"longest wait for an answer {max(waits, default=0):.1f} s")
    for e in errors[:10]:
        print("WRONG:", e)
    sys.exit(1 if errors else 0)


def rows(command, text=None):
    out = subprocess.run(command, input=text, capture_output=True, text=True)
    if out.returncode:
        raise SystemExit(f"{command[0]}: {out.stderr}{out.stdout}")
    return [line.split("\t") for line in out.stdout.splitlines()]


def verify(args):
    with open(args.out) as f:
        data = json.load(f)
    run, told = data["run"], {b["bet_id"]: b for b in data["told"]}
    like = f"{run}-%"
    pg = rows(["psql", "-XAtF\t", args.pg, "-c", f"select bet_id, account_id, stake_minor, odds_milli, balance_after_minor from record.bets where bet_id like '{like}'"])
    ch = rows(["curl", "-sS", "--fail-with-body", args.ch, "--data-binary",
               f"select bet_id, account_id, stake_minor, odds_milli, balance_after_minor from weir.bets where bet_id like '{like}' format TabSeparated"])
    wrong = []
    for name, found in (("PostgreSQL", pg), ("ClickHouse", ch)):
        seen = collections.Counter(r[0] for r in found)
        wrong += [f"{name}: {b} is there {n} times" for b, n in seen.items() if n > 1]
        wrong += [f"{name}: {b} was accepted and is not there" for b, t in told.items() if t["accepted"] and b not in seen]
        wrong += [f"{name}: {b} is there and was " + ("refused" if b in told else "never answered") for b in seen if b not in told or not told[b]["accepted"]]
        for bet_id, account, stake, odds, balance in found:
            t = told.get(bet_id)
            if t and t["accepted"] and (account, int(stake), int(odds), int(balance)) != (
                    t["account_id"], t["stake_minor"], t["odds_milli"], int(t["answer"]["balance_after_minor"])):
                wrong.append(f"{name}: {bet_id} differs from the answer: {(account, stake, odds, balance)} {t}")
    spent = collections.Counter()
    for t in told.values():
        spent[t["account_id"]] += t["stake_minor"] if t["accepted"] else 0
    for account, balance in rows(["psql", "-XAtF\t", args.pg, "-c", f"select account_id, balance_minor from ledger.accounts where account_id like '{run}-p%'"]):
        if int(balance) != DEPOSIT - spent[account]:
            wrong.append(f"balance of {account}: {balance}, expected {DEPOSIT - spent[account]}")
    accepted = sum(t["accepted"] for t in told.values())
    print(f"{len(told)} answers compared, {accepted} accepted, {len(pg)} in PostgreSQL, {len(ch)} in ClickHouse, {len(wrong)} wrong")
    for w in wrong[:10]:
        print("WRONG:", w)
    if accepted < args.at_least:
        print(f"WRONG: expected at least {args.at_least} accepted bets")
        sys.exit(1)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("command", choices=["run", "verify"])
    p.add_argument("--url"), p.add_argument("--twin"), p.add_argument("--until"), p.add_argument("--out", required=True)
    p.add_argument("--rate", type=float, default=700), p.add_argument("--run", default=f"r{os.getpid()}")
    p.add_argument("--seed", default="1"), p.add_argument("--pg"), p.add_argument("--ch")
    p.add_argument("--at-least", type=int, default=0)
    a = p.parse_args()
    (run if a.command == "run" else verify)(a)
