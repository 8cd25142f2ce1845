"""Pretend machines for tests: those of scripts/hosts, in a set of the tests' own."""

import atexit
import os
import re
import subprocess
import time
import unittest
from pathlib import Path

import runs

COMMAND = runs.ROOT / "scripts/hosts"
ENVIRONMENT = {**os.environ, "HOSTS": "tests"}

# What belongs to a run, by the name of its program.
PROGRAMS = {runs.PRDP.name, "mpirun", "orted", "ssh"}


class Hosts:
    """Hosts h1 to hN, up from the moment they are made until `down`.

    Skips the tests that ask for them on a machine that cannot have them.
    """

    def __init__(self, count):
        self.names = [f"h{index}" for index in range(1, count + 1)]
        if os.getuid() != 0:
            raise unittest.SkipTest("pretend machines need root")
        probe = subprocess.run(
            ["unshare", "--net", "--uts", "--ipc", "--mount", "--pid", "--fork", "true"],
            capture_output=True, text=True, check=False)
        if probe.returncode != 0:
            raise unittest.SkipTest(f"pretend machines need namespaces: {probe.stderr.strip()}")
        self.call("down")
        # Where the tests are ended by a signal there is no other clean-up.
        atexit.register(self.down)
        self.call("up", str(count))
        self.shared = Path(self.call("shared").strip())

    def down(self):
        self.call("down")

    def call(self, *arguments):
        """Runs scripts/hosts, which has to succeed; returns what it printed."""
        end = subprocess.run(
            [COMMAND, *arguments], capture_output=True, text=True, check=False, env=ENVIRONMENT,
            timeout=runs.LIMIT)
        assert end.returncode == 0, f"hosts {arguments}: {end.stderr}"
        return end.stdout

    def run(self, settings, *arguments, command="launch", host="h1", slots=1, within=(), **options):
        """A run that `host` starts on all hosts, with the same paths everywhere; `within` are words
        that go before the command there."""
        places = ", ".join(f"{{name: {name}, slots: {slots}}}" for name in self.names)
        settings = {
            "cluster.hosts": f"[{places}]", "cluster.restartDelay": 1,
            "method.promptsPerEpoch": len(self.names) * slots, **settings}
        return runs.Run(
            None, settings, *arguments, command=command, small=runs.TINY,
            within=(COMMAND, "exec", host, *within), environment={"HOSTS": "tests"}, **options)

    def private(self, name):
        """The folder that a host has as /tmp."""
        return Path(self.call("private", name).strip())

    def processes(self, name):
        """The ids here and the words of the command lines of a run's processes on a host."""
        ids = set(map(int, self.call("pids", name).split()))
        return [
            (number, words) for number, words in runs.processes()
            if number in ids and Path(words[0]).name in PROGRAMS]

    def left_running(self, within=30):
        """What of any run is still there some seconds later, as texts with the host's name."""
        end = time.monotonic() + within
        while True:
            found = [
                f"{name}: {' '.join(words)}"
                for name in self.names for _, words in self.processes(name)]
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.5)


def naming(host):
    """A pattern for a line that names a host, and is not the command that starts the ranks."""
    return rf"(?m)^(?!launch: \S*mpirun -).*\b{host}\b"


def seconds_until(run, pattern, since, limit=60):
    """Waits until a run has printed a line that matches, in what comes after the place `since` of
    its text; returns how many seconds that took."""
    start = time.monotonic()
    while not re.search(pattern, run.text()[since:]):
        assert time.monotonic() - start < limit, f"no {pattern!r} in {limit} s:\n{run.text()}"
        assert run.process.poll() is None, f"ended without {pattern!r}:\n{run.text()}"
        time.sleep(0.05)
    return time.monotonic() - start
