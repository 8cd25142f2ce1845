"""Runs that are asked to stop: saved where they stand, exit code 85, and on to the same bits."""

import json
import random
import signal
import time
import unittest
from pathlib import Path

import runs

EPOCHS = 4
PREEMPTED = 85

# What mpirun takes before its ranks begin, where their time begins, and after they ended.
MPIRUN_SECONDS = 5


def catches(run, number):
    """Whether a run's process has a handler of its own for a signal."""
    status = Path(f"/proc/{run.process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> number - 1 & 1)


class StopTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        whole = runs.Run(2, cls.settings("whole")).finish()
        cls.seconds = whole.seconds
        cls.output = whole.output

    @classmethod
    def settings(cls, name, **others):
        # Nothing but a stop saves, and the evaluation between epochs can be interrupted too.
        return {
            "run.output": f"{cls.scratch}/{name}", "run.epochs": EPOCHS,
            "checkpoint.everyEpochs": 0, "evaluation.everyEpochs": 2, **others}

    def assert_is_whole(self, output):
        """Requires the results of a run that was left alone."""
        self.assertTrue(runs.final_state(output) == runs.final_state(self.output))
        for kind in ("step", "evaluation"):
            records, expected = (
                [{key: value for key, value in record.items() if key != "seconds"}
                 for record in runs.records(folder, kind)]
                for folder in (output, self.output))
            self.assertEqual(records, expected)
        summary, expected = (
            json.loads(Path(folder, "summary.json").read_text()) for folder in (output, self.output))
        self.assertEqual(summary["evaluation"], expected["evaluation"])

    def stop(self, run, number=signal.SIGUSR1, twice=False):
        """Sends a signal, and requires that the run is saved unless it was at its end already.

        Returns whether it was stopped.
        """
        run.process.send_signal(number)
        code = run.wait()
        self.assertIn(code, (0, PREEMPTED), run.text())
        self.assertEqual(runs.left_running(run.output), [])
        if code == PREEMPTED:
            self.assertEqual(run.text().count("saved; --resume latest goes on"), 1, run.text())
            self.assertTrue(any(Path(run.output, "checkpoints").glob("step-*/COMMIT")))
            self.assertFalse(Path(run.output, "summary.json").exists())
        return code == PREEMPTED

    def test_a_run_stopped_at_any_moment_goes_on_to_the_same_bits(self):
        stop_count = 0
        for seed in range(2 if runs.IS_THOROUGH else 1):
            moment = random.Random(seed)
            settings = self.settings(f"stopped-{seed}")
            with self.subTest(seed=seed):
                for _ in range(3):
                    run = runs.Run(2, settings, "--resume", "latest")
                    self.wait_until_it_trains(run)
                    time.sleep(moment.uniform(0, self.seconds / 2))
                    stop_count += self.stop(run)
                run = runs.Run(2, settings, "--resume", "latest").finish()
                self.assert_is_whole(run.output)
        # Now and then a run is at its end before it is stopped.
        self.assertGreaterEqual(stop_count, 3 if runs.IS_THOROUGH else 1)

    def test_a_stopped_run_goes_on_with_any_number_of_ranks(self):
        settings = self.settings("ranks", **{"checkpoint.everySteps": 1})
        moment = random.Random(7)
        for ranks in (1, 2, 3):
            run = runs.Run(ranks, settings, "--resume", "latest")
            self.wait_until_it_trains(run)
            time.sleep(moment.uniform(0, self.seconds / 2))
            self.stop(run)
        run = runs.Run(1, settings, "--resume", "latest").finish()
        pairs = zip(runs.records(run.output, "step"), runs.records(self.output, "step"), strict=True)
        for step, other in pairs:
            for key in ("epoch", "inner", "step", "images"):
                self.assertEqual(step[key], other[key])
            self.assertLessEqual(
                abs(step["loss"] - other["loss"]), 1e-4 * abs(other["loss"]), step["step"])

    def test_a_run_of_one_process_stops_at_term(self):
        settings = self.settings("one-process")
        run = runs.Run(None, settings, "--resume", "latest")
        self.wait_until_it_trains(run)
        self.assertTrue(self.stop(run, signal.SIGTERM))
        run = runs.Run(None, settings, "--resume", "latest").finish()
        one_rank = runs.Run(1, self.settings("one-rank")).finish()
        self.assertTrue(runs.final_state(run.output) == runs.final_state(one_rank.output))

    def test_a_second_term_ends_it_at_once(self):
        run = runs.Run(None, self.settings("twice"))
        self.wait_until_it_trains(run)
        # Two signals before the first has had its effect would be one.
        self.assertTrue(catches(run, signal.SIGTERM))
        run.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 60
        while run.process.poll() is None and catches(run, signal.SIGTERM):
            self.assertLess(time.monotonic(), end, run.text())
        run.process.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(), -signal.SIGTERM, run.text())

    def test_a_run_stops_before_its_time_is_up(self):
        settings = self.settings("timed", **{"run.epochs": 1000, "evaluation.everyEpochs": 0})
        limit = self.seconds + 3
        for _ in range(2):
            run = runs.Run(2, settings, "--resume", "latest", "--set", f"cluster.timeLimit={limit}")
            self.assertEqual(run.wait(), PREEMPTED, run.text())
            self.assertLess(run.seconds, limit + MPIRUN_SECONDS, run.text())
            self.assertGreater(run.seconds, limit / 3, run.text())
        steps = [record["step"] for record in runs.records(run.output, "step")]
        self.assertEqual(steps, list(range(1, len(steps) + 1)))

    def wait_until_it_trains(self, run):
        """Waits until the run has taken up its work: before, a signal ends it."""
        start, path = time.time(), Path(run.output, "config.yaml")
        while run.process.poll() is None:
            if path.exists() and path.stat().st_mtime > start:
                break
            self.assertLess(time.time() - start, 60, run.text())
            time.sleep(0.01)
