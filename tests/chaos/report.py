"""What the episodes showed: kept in episodes.jsonl, summed up in REPORT.md."""
import collections, dataclasses, datetime, json, os, pathlib, platform

HERE = pathlib.Path(__file__).resolve().parent
EPISODES, REPORT = HERE / "episodes.jsonl", HERE / "REPORT.md"


@dataclasses.dataclass
class Episode:
    fault: str
    what: str
    seed: str
    recovery: float = 0.0
    stuck: str = ""  # what did not happen in time
    wrong: str = ""  # what the audit or the players found

    def good(self):
        return not self.stuck and not self.wrong


def add(episodes):
    with EPISODES.open("a") as f:
        for e in episodes:
            f.write(json.dumps({**dataclasses.asdict(e), "day": str(datetime.date.today())}) + "\n")


def write():
    rows = [json.loads(line) for line in EPISODES.read_text().splitlines()]
    by = collections.defaultdict(list)
    for r in rows:
        by[r["fault"]].append(r)
    days = sorted({r["day"] for r in rows})
    lines = ["# What the faults did", "",
             f"{len(rows)} episodes of `tests/chaos/run --report`, {days[0]} to {days[-1]}, {os.cpu_count()} cores of {platform.machine()}. "
             "Lost or doubled: bets that the audit or the players missed or found twice.", "",
             "| fault | episodes | stuck for over 30 s | wrong (lost, doubled, money) | recovery p50 | p99 |", "|---|---|---|---|---|---|"]
    for fault, all_of in sorted(by.items()):
        times = sorted(r["recovery"] for r in all_of if not r["stuck"]) or [0]
        lines.append(f"| {fault} | {len(all_of)} | {sum(bool(r['stuck']) for r in all_of)} | {sum(bool(r['wrong']) for r in all_of)} | "
                     f"{times[len(times) // 2]:.1f} s | {times[min(len(times) - 1, len(times) * 99 // 100)]:.1f} s |")
    REPORT.write_text("\n".join(lines) + "\n")
