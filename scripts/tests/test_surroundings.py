"""Folders, disks, outputs and limits that fail a run."""

import os
import time
import unittest

import faults
import runs


class SurroundingsTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        whole = runs.Run(None, cls.settings("whole"), small=runs.TINY).finish()
        cls.weights = runs.final_state(whole.output)

    @classmethod
    def settings(cls, name, epochs=3):
        return {"run.output": f"{cls.scratch}/{name}", "run.epochs": epochs}

    def shell(self, name, script):
        """A run that a shell starts, as `"$@"`."""
        return runs.Run(
            None, self.settings(name), small=runs.TINY, within=("sh", "-c", script, "sh"))

    def assert_is_whole(self, run):
        self.assertTrue(runs.final_state(run.output) == self.weights, run.text())
        self.assertEqual(len(runs.records(run.output, "step")), 3)

    def test_a_place_that_cannot_be_written_to_is_named(self):
        for ranks in (None, 2):
            run = runs.Run(ranks, {"run.output": "/sys/prdp"}, small=runs.TINY)
            self.assertEqual(run.wait(), 2)
            self.assertEqual(run.text().count("/sys/prdp: expected a new folder"), 1, run.text())

    def test_a_run_folder_that_vanishes_is_named_and_ends_the_run_at_its_end(self):
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                settings = self.settings(f"vanished-{ranks}", 10)
                run = runs.Run(ranks, settings, small=runs.TINY)
                while run.step_count() < 2 and run.process.poll() is None:
                    time.sleep(0.01)
                os.rename(run.output, f"{run.output}-elsewhere")
                # 2 would say that the input is wrong, and keep a launcher from trying again.
                self.assertNotIn(run.wait(), (0, 2), run.text())
                self.assertIn("/checkpoints", run.text())
                self.assertIn("training goes on", run.text())
                self.assertIn("epoch 10/10", run.text())

    def test_a_full_disk_for_the_log_is_said_once_and_loses_its_lines_alone(self):
        library = faults.compiled(self.scratch)
        settings = self.settings("full")
        fault = faults.Fault(
            library, f"{settings['run.output']}/metrics.jsonl", kind="ENOSPC", at=3)
        run = runs.Run(None, settings, small=runs.TINY, environment=fault.environment()).finish()
        self.assertEqual(run.text().count("No space left on device"), 1, run.text())
        self.assertTrue(runs.final_state(run.output) == self.weights)
        self.assertEqual([record["step"] for record in runs.records(run.output, "step")], [2, 3])

    def test_nobody_has_to_read_what_a_run_prints(self):
        for name, script in (
                ("closed", 'exec "$@" >&-'), ("all-closed", 'exec "$@" <&- >&- 2>&-'),
                ("no-reader", '"$@" | true'), ("full-output", 'exec "$@" >/dev/full 2>&1')):
            with self.subTest(name):
                self.assert_is_whole(self.shell(name, script).finish())

    def test_a_closed_output_is_no_file_of_the_run(self):
        run = self.shell("number", 'exec "$@" >&-')
        while run.step_count() < 1 and run.process.poll() is None:
            time.sleep(0.01)
        self.assertEqual(os.readlink(f"/proc/{run.process.pid}/fd/1"), "/dev/null")
        self.assert_is_whole(run.finish())

    def test_few_file_descriptors_are_enough_or_are_named(self):
        self.assert_is_whole(self.shell("few", 'ulimit -n 32; exec "$@"').finish())
        run = self.shell("too-few", 'ulimit -n 12; exec "$@"')
        self.assertNotEqual(run.wait(), 0)
        self.assertIn("Too many open files", run.text())
