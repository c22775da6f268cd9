"""Players who remember every answer, for one episode after the other: those of tests/integration/players.py."""
import argparse, collections, json, os, pathlib, queue, subprocess, sys, threading, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
import players


class Told(list):
    """Answers, and when each came."""

    def __init__(self):
        super().__init__()
        self.last = []  # (when it came, how many there were)

    def append(self, answer):
        super().append(answer)
        self.last.append(time.monotonic())


class Load:
    def __init__(self, url, rate, seed):
        self.args = argparse.Namespace(url=url, twin=None, rate=rate, seed=seed, run=f"c{os.getpid()}")
        self.told, self.errors, self.counts, self.number = Told(), [], collections.Counter(), 0
        players.open_accounts(self.args, self.counts)

    def start(self):
        self.work, self.going = queue.Queue(maxsize=2 * players.WORKERS), True
        self.threads = [threading.Thread(target=players.worker, args=(n, self.args, self.work, self.counts, self.told, [], self.errors))
                        for n in range(players.WORKERS)]
        self.pacer = threading.Thread(target=self._pace)
        for t in self.threads + [self.pacer]:
            t.start()

    def _pace(self):
        while self.going:
            self.work.put(self.number)  # waits while all players do
            self.number += 1
            time.sleep(1 / self.args.rate)

    def stop(self):
        """Every bet that was begun gets its definite answer."""
        self.going = False
        self.pacer.join()
        for _ in self.threads:
            self.work.put(None)
        for t in self.threads:
            t.join()

    def accepted_since(self, when):
        """A bet that was accepted after then, or None."""
        for i in range(len(self.told.last) - 1, -1, -1):
            if self.told.last[i] < when:
                return None
            if self.told[i]["accepted"]:
                return self.told[i]["bet_id"]
        return None

    def verify(self, path, pg, ch):
        """Every answer against both stores and the balances; what is wrong, as a text."""
        path.write_text(json.dumps({"run": self.args.run, "told": self.told}))
        r = subprocess.run([sys.executable, players.__file__, "verify", "--out", path, "--pg", pg, "--ch", ch],
                           capture_output=True, text=True)
        return "" if r.returncode == 0 else r.stdout + r.stderr
