#!/usr/bin/env python3
"""How long a store was without news: asks both again and again how far each shard is, and prints, for each phase, the
longest time in which some shard had bets to be stored and none arrived.

  stalls.py --pg URL --ch URL --phase FILE --until FILE [--limit SECONDS]
FILE of --phase holds the name of what goes on, FILE.now gets how long the slowest shard waits at the moment; it ends when FILE of --until exists, and fails when a shard stood still
for longer than --limit.
"""
import argparse, os, subprocess, sys, time, urllib.request

arguments = argparse.ArgumentParser()
for name in ("pg", "ch", "phase", "until"):
    arguments.add_argument("--" + name, required=True)
arguments.add_argument("--limit", type=float, default=30)
args = arguments.parse_args()


def query_pg(text):
    out = subprocess.run(["psql", "-XAtq", "-F", "\t", args.pg, "-c", text], capture_output=True, text=True, check=True).stdout
    return dict(map(int, line.split("\t")) for line in out.splitlines())


def query_ch(text):
    with urllib.request.urlopen(args.ch, text.encode(), timeout=10) as answer:
        return dict(map(int, line.split("\t")) for line in answer.read().decode().splitlines())


STORES = {
    "PostgreSQL": lambda: query_pg("select shard, max(seq) from record.bets group by shard"),
    "ClickHouse": lambda: query_ch("select shard, max(seq) from weir.bets_raw group by shard format TSV"),
}
moved, reached, longest, phases = {}, {}, {}, []
while not os.path.exists(args.until):
    phase = open(args.phase).read().strip()
    if phase not in phases:
        phases.append(phase)
    ledger = query_pg("select shard, last_seq from ledger.shards where last_seq > 0")
    for store, ask in STORES.items():
        now_at, now = ask(), time.monotonic()
        for shard, last in ledger.items():
            at, key = now_at.get(shard, 0), (store, shard)
            if key not in reached or at > reached[key] or at >= last:
                reached[key], moved[key] = at, now
            longest[phase, store] = max(longest.get((phase, store), 0), now - moved[key])
    with open(args.phase + ".new", "w") as f:
        f.write(f"{max((time.monotonic() - m for m in moved.values()), default=0):.1f}")
    os.rename(args.phase + ".new", args.phase + ".now")
    time.sleep(0.1)
for phase in phases:
    print(f"{phase:40}" + "".join(f"  {store} {longest.get((phase, store), 0):5.1f} s" for store in STORES))
sys.exit(any(s > args.limit for s in longest.values()))
