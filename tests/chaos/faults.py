"""What can happen to the system. Each fault is a function of the system and a random generator that yields once, when it
has said what it is going to do, and again when it is over: the first part draws everything from the generator, so that
a seed gives the same run."""
import os, signal, time
from system import ENGINES, HOSTS


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
    system.sh("engine_stop $0 KILL || true", name)
    time.sleep(away)
    system.sh("engine_start $0", name)
    yield


def engine_restart(system, rng):
    name = rng.choice(ENGINES)
    yield f"restart {name}"
    system.sh("engine_stop $0", name)
    system.sh("engine_start $0", name)
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


def two_at_once(system, rng):
    a, b = rng.sample(HOSTS, 2)
    yield f"kill -9 {a} and {b} at once"
    for name in (a, b):
        system.stop(name, "KILL")
    for name in (a, b):
        system.start(name)
    yield


POINTS = {
    "wallet": ("ledger.before-commit", "ledger.commit-sent", "ledger.committed"),
    "ingress": ("http.before-answer", "client.before-answer", "client.answered", "client.published", "client.before-confirm",
                "producer.before-send", "producer.reported"),
    "relay": ("relay.delivered", "relay.before-write", "producer.reported"),
    "recorder": ("pg-sink.before-commit", "pg-sink.committed", "consumer.before-commit", "consumer.committed", "consumer.revoke",
                 "consumer.letter-delivered"),
    "analytics": ("ch-sink.before-insert", "ch-sink.inserted", "consumer.before-commit", "consumer.committed", "consumer.revoke",
                  "consumer.letter-delivered"),
}


def failpoint(system, rng, wanted=None):
    """A host that kills itself, or stands still, at a place in its code; whatever makes it come there is done, too."""
    name, point = rng.choice([(h, p) for h in POINTS for p in POINTS[h] if wanted in (None, p)])
    action, at = rng.choice(("kill", "kill", "stall-2000")), rng.choice((1, 3, 20))
    if name in ("relay", "analytics") or point in ("consumer.revoke", "consumer.letter-delivered"):
        at = 1
    yield f"{name}: {action} at {point}, pass {at}"
    system.stop(name)
    system.start(name, failpoints=f"{point}={action}:{at}")
    if name == "relay":  # which has nothing to do while nobody dies
        system.stop("ingress")
        system.start("ingress", failpoints="client.answered=kill:1")
        system.wait(lambda: not system.alive("ingress"), 20, "the ingress kills itself")
        system.start("ingress")
    elif point == "consumer.revoke":
        system.start(name + "2")
    elif point == "consumer.letter-delivered":
        system.records([f"0\t{b'key'.hex()}\t-\t{b'no bet'.hex()}"])
    if action == "kill":
        system.wait(lambda: not system.alive(name), 25, f"{name} comes to {point}")
        system.start(name)
    else:
        system.wait(lambda: system.fired(name, point), 25, f"{name} comes to {point}")
        time.sleep(2)
    if point == "consumer.revoke":
        system.stop(name + "2")
    yield


FAULTS = {f.__name__: f for f in (kill, restart, freeze, engine_kill, engine_restart, network, rebalance, poison, two_at_once, failpoint)}
