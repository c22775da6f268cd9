"""What can happen to the system. Each fault is a function of the system and a random generator that yields once, when it
has said what it is going to do, and again when it is over: the first part draws everything from the generator, so that
a seed gives the same run."""
import http.client, os, signal, subprocess, time
from system import ENGINES, HOSTS, OVERSIZED, port


def kill(system, rng):
    name, away = rng.choice(HOSTS), rng.choice((0, 0, 1, 2))
    yield f"kill -9 {name}, away for {away} s"
    system.stop(name, "KILL")
    time.sleep(away)
    system.start(name)
    yield


def restart(system, rng):
    name = rng.choice(HOSTS)
    yield f"restart {name}"
    system.stop(name)
    system.start(name)
    yield


def freeze(system, rng):
    name, seconds = rng.choice(HOSTS + ENGINES), rng.choice((1, 3, 6))
    yield f"freeze {name} for {seconds} s"
    pids = system.pids(name)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:  # a child of PostgreSQL that was to end
            pass
    yield


def engine_kill(system, rng, wanted=None):
    name, away = wanted or rng.choice(ENGINES), rng.choice((0, 1, 3))
    yield f"kill -9 {name}, away for {away} s"
    system.engine_stop(name, "KILL")
    time.sleep(away)
    system.engine_start(name)
    yield


def engine_restart(system, rng):
    name = rng.choice(ENGINES)
    yield f"restart {name}"
    system.engine_stop(name)
    system.engine_start(name)
    yield


def network(system, rng):
    name, mode, seconds = rng.choice(sorted(system.proxies)), rng.choice(("cut", "stall", "delay")), rng.choice((1, 3, 5))
    delay = rng.choice((0.01, 0.05, 0.2))
    yield f"network to {name}: {mode}{f' {delay:g} s' if mode == 'delay' else ''} for {seconds} s"
    system.proxies[name].set(mode, delay)
    time.sleep(seconds)
    system.proxies[name].set("pass")
    yield


def rebalance(system, rng):
    name, how, seconds = rng.choice(("recorder", "analytics")) + "2", rng.choice(("TERM", "KILL")), rng.choice((1, 4))
    yield f"{name} joins, and leaves by {how} after {seconds} s"
    system.start(name)
    time.sleep(seconds)
    system.stop(name, how)
    yield


def full_disk(system, rng, wanted=None):
    """An engine may end, and is then started again when there is room."""
    name, seconds = wanted or rng.choice(ENGINES), rng.choice((1, 3, 5))
    if not system.may_mount():
        yield f"disk of {name} full: left out, as this user may not mount a tmpfs"
        yield
        return
    yield f"disk of {name} full for {seconds} s"
    folder = system.disk(name)
    before = time.monotonic()
    system.wait(lambda: system.load.accepted_since(before), 30, f"a bet is accepted with {name} on a small disk")
    used = os.statvfs(folder)
    system.resize(folder, (used.f_blocks - used.f_bfree) * used.f_frsize + 65536)
    time.sleep(seconds)
    system.resize(folder, "4g")
    if name == "clickhouse":  # a merge that met the full disk can leave a part that it reads only after a restart
        system.engine_stop(name)
    time.sleep(2)  # what met the full disk at its last moment may still be about to end
    system.engine_start(name)
    yield


def clock(system, rng):
    """Of one process: the wall clock alone, as ntp or an administrator would set it. A host's clock goes back first: after
    a way back that is not undone the libraries that wait by the wall clock wait that much longer (README.md)."""
    name, jump, seconds = rng.choice(HOSTS + ("postgres", "postgres")), rng.choice((-86400, -3600, -300, 300, 3600, 86400)), rng.choice((1, 3))
    if name != "postgres":
        jump = -abs(jump)
    yield f"clock of {name} jumps by {jump} s, and back after {seconds} s"
    path, env = system.clock(name)
    if name == "postgres":
        system.engine_stop(name)
        system.engine_start(name, env=env)
    else:
        system.stop(name)
        system.start(name, env=env)
    time.sleep(0.5)
    system.put_clock(path, jump)
    time.sleep(seconds)
    system.put_clock(path, 0)
    yield


def poison(system, rng):
    """At most 6: more than 60 a minute would, rightly, stop the pipelines."""
    lines = []
    for _ in range(rng.randint(1, 6)):
        size = rng.choice((0, 1, 100, 5000))
        value = rng.choice(("-", rng.randbytes(size).hex() or "-"))
        identity = f"epoch={b'1'.hex()},shard={b'3'.hex()},seq={str(rng.randint(1, 10**6)).encode().hex()}"
        lines.append("\t".join((str(rng.randint(0, 2)), rng.randbytes(4).hex(), rng.choice(("-", identity)), value)))
    yield f"{len(lines)} records that are no bets"
    system.records(lines)
    yield


def oversized(system, rng):
    """Far more than a bet may have, by both doors."""
    where, size = rng.choice(("HTTP", "the topic")), rng.choice((1_100_000, 4_000_000, OVERSIZED - 100_000))
    yield f"{size / 1e6:.1f} MB by {where}"
    if where == "HTTP":
        body = b'{"bet_id":"large","selection":"' + b"x" * size + b'"}'
        conn = http.client.HTTPConnection("127.0.0.1", port("HTTP"), timeout=10)
        try:
            conn.request("POST", "/v1/bets", body, {"Content-Type": "application/json"})
            status = conn.getresponse().status
        except (BrokenPipeError, ConnectionResetError):  # closed while we were still sending: it has been refused
            status = 413
        system.wait(lambda: status == 413, 0, f"413 for {size} bytes, not {status}")
    else:
        system.records([f"{rng.randint(0, 2)}\t{b'key'.hex()}\t-\t{'00' * size}"])
    yield


def two_at_once(system, rng):
    a, b = rng.sample(HOSTS + ENGINES, 2)
    yield f"kill -9 {a} and {b} at once"
    for name in (a, b):
        system.engine_stop(name, "KILL") if name in ENGINES else system.stop(name, "KILL")
    for name in (a, b):
        system.engine_start(name) if name in ENGINES else system.start(name, wait=False)
    for name in {a, b} & set(HOSTS):  # one may need the other
        system.ready(name)
    yield


# Where a host can be told to fail. Those of DRAIN it passes on its way out.
POINTS = {
    "wallet": ("ledger.before-commit", "ledger.commit-sent", "ledger.committed", "grpc.before-reply", "grpc.replied", "lane.drain-source",
               "lane.drained"),
    "ingress": ("http.before-answer", "client.before-answer", "client.answered", "client.published", "client.before-confirm",
                "producer.before-send", "producer.reported", "lane.drain-stage", "lane.drained"),
    "relay": ("relay.delivered", "relay.before-write", "producer.reported"),
    "recorder": ("pg-sink.copying", "pg-sink.before-commit", "pg-sink.committed", "consumer.before-commit", "consumer.committed",
                 "consumer.revoke", "consumer.letter-delivered", "consumer.leave", "lane.drain-stage"),
    "analytics": ("ch-sink.before-insert", "ch-sink.inserted", "consumer.before-commit", "consumer.committed", "consumer.revoke",
                  "consumer.letter-delivered", "consumer.leave"),
}
DRAIN = ("lane.drain-source", "lane.drain-stage", "lane.drained", "consumer.leave")
NO_ERROR = ("client.answered", "pg-sink.copying", "consumer.revoke", "lane.drain-source", "lane.drain-stage", "lane.drained")
RARE = ("consumer.revoke", "consumer.letter-delivered") + DRAIN


def failpoint(system, rng, wanted=None):
    """A host that kills itself, stands still or has an error at a place in its code; whatever makes it come there is done."""
    name, point = rng.choice([(h, p) for h in POINTS for p in POINTS[h] if wanted in (None, p)])
    action, at = rng.choice(("kill", "stall-2000") if point in NO_ERROR else ("kill", "stall-2000", "error")), rng.choice((1, 3, 20))
    if name in ("relay", "analytics") or point in RARE:
        at = 1
    yield f"{name}: {action} at {point}, pass {at}"
    before = system.fired(name, point)
    system.tell_failpoint(name, f"{point}={action}:{at}")
    helper = come_there(system, name, point)
    if action == "kill":
        system.wait(lambda: not system.alive(name), 25, f"{name} comes to {point}")
    else:
        system.wait(lambda: system.fired(name, point) > before, 25, f"{name} comes to {point}")
        time.sleep(2)
    if helper:
        helper.wait()
    if not system.alive(name):
        system.start(name)
    if point == "consumer.revoke":
        system.stop(name + "2")
    yield


def come_there(system, name, point):
    """What makes a host come to a place that it would not pass by itself; a process to wait for, if any."""
    if name == "relay":  # which has nothing to do while nobody dies
        system.tell_failpoint("ingress", "client.answered=kill:1")
        system.wait(lambda: not system.alive("ingress"), 20, "the ingress kills itself")
        system.start("ingress")
    elif point == "consumer.revoke":
        system.start(name + "2")
    elif point == "consumer.letter-delivered":
        system.records([f"0\t{b'key'.hex()}\t-\t{b'no bet'.hex()}"])
    elif point in DRAIN:
        pid = system.pids(name)[0]
        os.kill(pid, signal.SIGTERM)
        return subprocess.Popen(["tail", f"--pid={pid}", "-f", "/dev/null"])
    return None


FAULTS = {f.__name__: f for f in (kill, restart, freeze, engine_kill, engine_restart, network, rebalance, full_disk, clock, poison, oversized,
                                  two_at_once, failpoint)}
