"""A run that is killed again and again: `python3 scripts/tests/cluster/soak.py [KILLS [SEED]]`.

`prdp launch` runs on three pretend machines. At random moments a rank, mpirun or a whole host dies;
the launcher starts anew, and is itself started anew where it died with its host. At the end the
weights have to be those of a run that nothing happened to, bit for bit.
"""

import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import runs
from hosts import Hosts

# Epochs that a launch is asked for at a time, until there were kills enough.
EPOCHS_AT_A_TIME = 50

# What dies. Of so many kills each kind gets some, or the soak has not tried what it is about.
VICTIMS = ("rank", "mpirun", "host")
ALL_KINDS_FROM = 20

# Seconds between two kills, from 0 to this: some come before the run has begun again.
LONGEST_PAUSE = 6

# Seconds within which a launch ends that is killed no more.
LAUNCH_LIMIT = 7200

# The launcher is to notice a host that died soon, and never to give up.
SETTINGS = {
    "cluster.restarts": 100,
    "cluster.restartDelay": 0,
    "cluster.heartbeatLimit": 5,
    "cluster.fewerRanks": "false",
}


class Soak:
    def __init__(self, kill_count, seed):
        self.hosts = Hosts(3)
        self.output = self.hosts.shared / "soak"
        self.wanted_count = kill_count
        self.kills = collections.Counter()
        self.launch_count = 0
        self.random = random.Random(seed)

    def launch(self, output, epochs):
        settings = {**SETTINGS, "run.output": output, "run.epochs": epochs}
        return self.hosts.run(settings, limit=LAUNCH_LIMIT)

    def kill(self):
        """Kills something of the run, if there is something."""
        victim = self.random.choice(VICTIMS)
        if victim == "host":
            name = self.random.choice(self.hosts.names)
            self.hosts.call("crash", name)
            self.hosts.call("boot", name)
        else:
            program = "mpirun" if victim == "mpirun" else runs.PRDP.name
            ids = [
                number for name in self.hosts.names for number, words in self.hosts.processes(name)
                if Path(words[0]).name == program and words[1:2] != ["launch"]]
            if not ids:
                return
            try:
                os.kill(self.random.choice(sorted(ids)), signal.SIGKILL)
            except ProcessLookupError:
                return
        self.kills[victim] += 1
        if self.kills.total() % 10 == 0:
            steps = runs.committed_steps(self.output)
            print(f"{self.kills.total()} kills, step {max(steps, default=0)}", flush=True)

    def disturb(self):
        """Kills until there were kills enough and the run is at its end; returns its epochs."""
        epochs = 0
        while True:
            epochs += EPOCHS_AT_A_TIME
            # A launcher dies with its host.
            while max(runs.committed_steps(self.output), default=0) < epochs:
                run = self.launch(self.output, epochs)
                self.launch_count += 1
                while run.process.poll() is None and self.kills.total() < self.wanted_count:
                    time.sleep(self.random.uniform(0, LONGEST_PAUSE))
                    self.kill()
                code = run.wait()
                assert code not in (2, 3, 75, 85), f"exit code {code}:\n{run.text()}"
            if self.kills.total() >= self.wanted_count:
                return epochs

    def report(self, seconds):
        """Says how it went; returns whether it went well."""
        steps = runs.records(self.output, "step")
        useful = sum(sum(record["seconds"].values()) for record in steps)
        # A launcher that died with its host has not written its last start down.
        starts = Path(self.output, "launch.jsonl").read_text().count("\n")
        bad = len(list(Path(self.output, "checkpoints").glob(".bad-*")))
        verify = subprocess.run(
            [runs.PRDP, "checkpoint", "verify", self.output], capture_output=True, text=True,
            check=False, timeout=runs.LIMIT)
        print(verify.stdout + verify.stderr, end="")
        kinds = ", ".join(f"{count} of a {kind}" for kind, count in sorted(self.kills.items()))
        print(f"{self.kills.total()} kills ({kinds}); {self.launch_count} launchers, "
              f"{starts} starts that they saw end; {len(steps)} steps")
        print(f"{seconds / self.kills.total():.1f} s a kill, {bad} invalid checkpoints")
        print(f"goodput {useful / seconds:.2f}: {useful:.0f} s of steps that count in {seconds:.0f} s")
        if self.wanted_count >= ALL_KINDS_FROM and set(self.kills) != set(VICTIMS):
            print(f"expected kills of all of {', '.join(VICTIMS)}")
            return False
        are_whole = bad == 0 and verify.returncode == 0
        return are_whole and [record["step"] for record in steps] == list(range(1, len(steps) + 1))

    def passes(self):
        start = time.monotonic()
        epochs = self.disturb()
        is_good = self.report(time.monotonic() - start)
        straight = self.launch(self.hosts.shared / "straight", epochs).finish()
        is_same = runs.final_state(self.output) == runs.final_state(straight.output)
        print(f"weights after step {epochs}: {'the same bits' if is_same else 'NOT the same'} "
              "as without a kill")
        left = self.hosts.left_running()
        print(*left, sep="\n", end="\n" if left else "")
        return is_good and is_same and not left


def main(kill_count=200, seed=0):
    try:
        soak = Soak(int(kill_count), int(seed))
    except unittest.SkipTest as reason:
        print(f"skipped: soak: {reason}")
        print("0 passed, 0 failed")
        return 0
    try:
        has_passed = soak.passes()
        if not has_passed:
            shutil.copytree(soak.output, f"/tmp/soak-{os.getpid()}")
            print(f"the run is kept in /tmp/soak-{os.getpid()}")
    finally:
        soak.hosts.down()
    print("1 passed, 0 failed" if has_passed else "0 passed, 1 failed")
    return int(not has_passed)


if __name__ == "__main__":
    # `timeout` sends TERM: the hosts go down then too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(*sys.argv[1:]))
