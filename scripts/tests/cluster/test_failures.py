"""Hosts that are cut off, freeze or die while a run goes on."""

import os
import signal
import time
import unittest
from pathlib import Path

import runs
from hosts import Hosts, naming, seconds_until

EPOCHS = 30

# Within so many seconds a launcher has to name the host that is lost.
REPORT_LIMIT = 30

FIRST_ON_H2 = {
    "cluster.hosts": "[{name: h2, slots: 1}, {name: h1, slots: 1}, {name: h3, slots: 1}]"}


def setUpModule():
    global hosts
    hosts = Hosts(3)
    unittest.addModuleCleanup(hosts.down)


class FailureTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        run = hosts.run(cls.settings("straight")).finish()
        cls.weights = runs.final_state(run.output)

    @classmethod
    def settings(cls, name, **more):
        return {"run.output": hosts.shared / name, "run.epochs": EPOCHS, **more}

    def tearDown(self):
        self.assertEqual(hosts.left_running(), [])

    def begin(self, name, *arguments, **options):
        """Starts a run and waits until it has saved twice."""
        run = hosts.run(self.settings(name, **options.pop("settings", {})), *arguments, **options)
        self.wait_for_step(run, 2)
        return run

    def wait_for_step(self, run, step):
        end = time.monotonic() + 60
        while (runs.committed_steps(run.output) or [0])[-1] < step:
            self.assertIsNone(run.process.poll(), run.text())
            self.assertLess(time.monotonic(), end, run.text())
            time.sleep(0.02)

    def fail(self, verb, host, run):
        """Does something to a host; returns how long it takes until the launcher names it."""
        place = len(run.text())
        hosts.call(verb, host)
        seconds = seconds_until(run, naming(host), place)
        print(f"\n  {verb}: {host} is named after {seconds:.1f} s")
        self.assertLess(seconds, REPORT_LIMIT)
        return seconds

    def assert_is_whole(self, run):
        """Requires the results of a run that nothing happened to."""
        self.assertTrue(runs.final_state(run.output) == self.weights, run.text())
        steps = [record["step"] for record in runs.records(run.output, "step")]
        self.assertEqual(steps, list(range(1, EPOCHS + 1)))

    def test_a_run_whose_rank_or_mpirun_dies_goes_on_to_the_same_bits(self):
        for host, program in (("h2", runs.PRDP.name), ("h1", "mpirun")):
            with self.subTest(program):
                run = self.begin(f"killed-{program}")
                place = len(run.text())
                for number, words in hosts.processes(host):
                    if Path(words[0]).name == program:
                        os.kill(number, signal.SIGKILL)
                seconds = seconds_until(run, r"launch: mpirun ended", place)
                print(f"\n  kill -9 of {program}: said after {seconds:.1f} s")
                self.assertLess(seconds, REPORT_LIMIT)
                self.assert_is_whole(run.finish())

    def test_a_run_goes_on_to_the_same_bits_when_a_lost_host_is_back(self):
        for verb, remedy in (
                ("cut", "heal"), ("drop", "heal"), ("freeze", "thaw"), ("crash", "boot")):
            with self.subTest(verb):
                run = self.begin(verb)
                self.fail(verb, "h2", run)
                hosts.call(remedy, "h2")
                self.assert_is_whole(run.finish())
                self.assertEqual(hosts.left_running(), [])

    def test_a_host_that_stays_lost_is_left_out(self):
        # With the first rank a host takes the lock of the run folder along.
        for verb, remedy, name, places in (
                ("drop", "heal", "other", {}), ("freeze", "thaw", "other", {}),
                ("drop", "heal", "first", FIRST_ON_H2), ("freeze", "thaw", "first", FIRST_ON_H2)):
            with self.subTest(verb, rank=name):
                run = self.begin(f"{verb}-{name}-for-good", settings=places)
                try:
                    self.fail(verb, "h2", run)
                    run.finish()
                    left = [text for text in hosts.left_running(0) if not text.startswith("h2")]
                    self.assertEqual(left, [])
                finally:
                    hosts.call(remedy, "h2")
                # What was frozen ends itself once it can.
                self.assertEqual(hosts.left_running(120), [])
                self.assertEqual(runs.committed_steps(run.output)[-1], EPOCHS)
                self.assertEqual(
                    [record["step"] for record in runs.records(run.output, "step")],
                    list(range(1, EPOCHS + 1)))

    def test_a_run_that_may_not_have_fewer_ranks_waits_for_the_host(self):
        # It would give up after 15 minutes; here the host comes back before.
        run = self.begin("waiting", settings={"cluster.fewerRanks": "false"})
        try:
            self.fail("crash", "h2", run)
        finally:
            hosts.call("boot", "h2")
        run.finish()

    def test_a_host_with_the_first_rank_may_freeze(self):
        # The launcher is on h1, rank 0 on h2: it holds the run's lock, and owns the run's metrics.
        run = self.begin("first", settings=FIRST_ON_H2)
        self.fail("freeze", "h2", run)
        hosts.call("thaw", "h2")
        self.assert_is_whole(run.finish())

    def test_a_launcher_that_dies_leaves_nothing_running(self):
        run = self.begin("launcher")
        hosts.call("crash", "h1")
        start = time.monotonic()
        try:
            others = [name for name in hosts.names if name != "h1"]
            while any(hosts.processes(name) for name in others):
                self.assertLess(time.monotonic() - start, 90)
                time.sleep(0.5)
            print(f"\n  crash of the launcher's host: all ended after {time.monotonic() - start:.1f} s")
        finally:
            hosts.call("boot", "h1")
        run.wait()
        run = hosts.run(self.settings("launcher")).finish()
        self.assert_is_whole(run)

    def test_a_launcher_told_to_stop_saves_and_goes_on_later(self):
        run = self.begin("stopped")
        launcher = [
            number for number, words in hosts.processes("h1") if "launch" in words[1:2]]
        for number in launcher:
            os.kill(number, signal.SIGTERM)
        start = time.monotonic()
        self.assertEqual(run.wait(), 85, run.text())
        print(f"\n  TERM: saved and ended after {time.monotonic() - start:.1f} s")
        self.assertEqual(hosts.left_running(), [])
        steps = [record["step"] for record in runs.records(run.output, "step")]
        self.assertEqual(runs.committed_steps(run.output)[-1], steps[-1])
        self.assertLess(steps[-1], EPOCHS)
        self.assert_is_whole(hosts.run(self.settings("stopped")).finish())

    def test_a_second_launcher_on_another_host_is_refused(self):
        run = self.begin("twice")
        other = hosts.run(self.settings("twice"), host="h2")
        self.assertEqual(other.wait(), 2, other.text())
        self.assertIn(str(run.output), other.text())
        print(f"\n  second launcher: refused after {other.seconds:.1f} s")
        self.assert_is_whole(run.finish())

    def test_a_full_disk_for_logs_and_checkpoints_is_said_and_training_goes_on(self):
        # A file system of 1 MB is mounted in h1's own view: its run has one rank, there.
        output = "/tmp/full"
        hosts.call(
            "exec", "h1", "sh", "-c", f"mkdir {output} && mount -t tmpfs -o size=1m none {output}")
        hosts.call("exec", "h1", "dd", "if=/dev/zero", f"of={output}/ballast", "bs=1k", "count=980")
        run = hosts.run(
            {**self.settings("full"), "run.output": output, "cluster.hosts": "[]",
             "logging.everyEpochs": 1}, command="train")
        self.assertNotIn(run.wait(), (0, 2, 3), run.text())
        self.assertIn("No space left on device", run.text())
        self.assertIn(f"epoch {EPOCHS}/{EPOCHS}", run.text())

    def test_a_read_only_place_is_refused_at_once(self):
        output = "/tmp/locked"
        hosts.call("exec", "h1", "sh", "-c", f"mkdir {output} && mount -t tmpfs -o ro none {output}")
        run = hosts.run(
            {**self.settings("locked"), "run.output": output, "cluster.hosts": "[]"},
            command="train")
        self.assertEqual(run.wait(), 2, run.text())
        self.assertIn(f"{output}", run.text())
        self.assertIn("Read-only file system", run.text())
