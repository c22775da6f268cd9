"""What the faults showed: kept in episodes.jsonl, summed up in REPORT.md."""
import collections, dataclasses, datetime, json, os, pathlib, platform, re

HERE = pathlib.Path(__file__).resolve().parent
FAULTS, REPORT = HERE / "episodes.jsonl", HERE / "REPORT.md"


@dataclasses.dataclass
class Fault:
    fault: str
    what: str
    seed: str  # and its episode: faults of one episode have the same
    recovery: float = 0.0
    stuck: str = ""  # what did not happen in time
    wrong: str = ""  # what the audit or the players found after its episode

    def good(self):
        return not self.stuck and not self.wrong


def add(faults):
    with FAULTS.open("a") as f:
        for e in faults:
            f.write(json.dumps({**dataclasses.asdict(e), "recovery": round(e.recovery, 2), "day": str(datetime.date.today())}) + "\n")


def row(name, faults):
    times = sorted(f["recovery"] for f in faults if not f["stuck"]) or [0]
    return (f"| {name} | {len(faults)} | {sum(bool(f['stuck']) for f in faults)} | {sum(bool(f['wrong']) for f in faults)} | "
            f"{times[len(times) // 2]:.1f} s | {times[min(len(times) - 1, len(times) * 99 // 100)]:.1f} s |")


def places(faults):
    """How often each place in the code was made to fail, by what."""
    hits = collections.defaultdict(collections.Counter)
    for f in faults:
        if m := re.match(r"(\w+): (kill|stall|error)\S* at (\S+),", f["what"]):
            hits[f"{m[1]}: {m[3]}"][m[2]] += 1
    return [f"| {place} | {n['kill']} | {n['stall']} | {n['error']} |" for place, n in sorted(hits.items())]


def write():
    rows = [json.loads(line) for line in FAULTS.read_text().splitlines()]
    by = collections.defaultdict(list)
    for r in rows:
        by[r["fault"]].append(r)
    days = sorted({r["day"] for r in rows})
    REPORT.write_text("\n".join([
        "# What the faults did", "",
        f"{len(rows)} faults in {len({r['seed'] for r in rows})} episodes of `tests/chaos/run --report`, {days[0]} to {days[-1]}, "
        f"{os.cpu_count()} cores of {platform.machine()}. Wrong: after whose episode the audit or the players missed a bet, found one "
        "twice, or found money that does not add up.", "",
        "| fault | count | stuck for over 30 s | wrong (lost, doubled, money) | recovery p50 | p99 |", "|---|---|---|---|---|---|",
        *[row(name, faults) for name, faults in sorted(by.items())], row("**all**", rows), "",
        "Of `failpoint`, the places in the code, and how often a host killed itself there, stood still for 2 s, or had an error:", "",
        "| place | kill | stall | error |", "|---|---|---|---|", *places(rows), ""]))
