"""Saves that are killed, or meet a disk that fails."""

import signal
import unittest
from pathlib import Path

import faults
import runs


class DiskTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        cls.library = faults.compiled(cls.scratch)

    def run_with(self, ranks, name, epochs, *arguments, **fault):
        """A run up to an epoch, with a fault among the changes of its checkpoints."""
        output = f"{self.scratch}/{name}"
        fault = faults.Fault(self.library, f"{output}/checkpoints", **fault)
        return runs.Run(
            ranks, {"run.output": output, "run.epochs": epochs}, *arguments, small=runs.TINY,
            environment=fault.environment())

    def straight(self, ranks, epochs):
        """The weights of a run that nothing happened to."""
        # Asked for again it is at its end already.
        run = self.run_with(
            ranks, f"straight-{ranks}-{epochs}", epochs, "--resume", "latest").finish()
        return runs.final_state(run.output)

    def check_killed_saves(self, ranks, rank, stride):
        """Kills a run within one save after another, a change further each time, until a save is
        through before its killer comes."""
        name, at, kill_count = f"killed-{ranks}-{rank}", 1, 0
        run = self.run_with(ranks, name, 2).finish()
        while True:
            saved = runs.committed_steps(run.output)
            run = self.run_with(
                ranks, name, saved[-1] + 1, "--resume", "latest", kind="half", at=at, rank=rank)
            code = run.wait()
            with self.subTest(at=at):
                self.assertNotIn("a new run", run.text())
                self.assertNotIn("damaged", run.text())
                self.assertEqual(runs.left_running(run.output), [])
            if code == 0:
                break
            self.assertIn(code, (-signal.SIGKILL, 128 + signal.SIGKILL), run.text())
            kill_count += 1
            at += stride
        # mkdir, two files of tensors, state, manifest, rename, COMMIT, latest, an old one removed.
        self.assertGreaterEqual(kill_count, 1 if rank == 1 else 30 // stride)
        epochs = runs.committed_steps(run.output)[-1]
        self.assertTrue(runs.final_state(run.output) == self.straight(ranks, epochs))
        self.assertEqual(
            [record["step"] for record in runs.records(run.output, "step")],
            list(range(1, epochs + 1)))
        # What was set aside stays until a person removes it. A step saved anew has a number more.
        left = {
            path.name[:13] for path in Path(run.output, "checkpoints").iterdir()
            if not path.name.startswith(".old-")}
        self.assertEqual(left, {"latest", *map("step-{:08}".format, (epochs - 1, epochs))})

    def test_a_save_killed_at_any_change_of_a_file_loses_nothing(self):
        self.check_killed_saves(None, None, 1 if runs.IS_THOROUGH else 3)

    def test_a_save_of_which_one_of_two_ranks_is_killed_loses_nothing(self):
        for rank, stride in ((0, 5), (1, 3)) if runs.IS_THOROUGH else ((0, 11), (1, 7)):
            self.check_killed_saves(2, rank, stride)

    def test_a_disk_that_fails_on_one_rank_costs_no_more_than_that_save(self):
        expected = self.straight(2, 3)
        for rank in (0, 1):
            log = self.scratch / f"changes-{rank}"
            self.run_with(2, f"counted-{rank}", 1, rank=rank, log=log).finish()
            changes = faults.changes(log)
            for at, kind in self.places(changes):
                with self.subTest(rank=rank, change=changes[at - 1], kind=kind):
                    name = f"{kind}-{rank}-{at}"
                    run = self.run_with(2, name, 3, rank=rank, kind=kind, at=at).finish()
                    if kind != "short":  # A write that goes on with the rest has lost nothing.
                        self.assertIn("warning: ", run.text())
                    self.assertTrue(runs.final_state(run.output) == expected)
                    self.assertEqual(runs.committed_steps(run.output)[-2:], [2, 3])
                    left = list(Path(run.output, "checkpoints").glob(".tmp-*"))
                    self.assertEqual(left, [])

    def places(self, changes):
        """Where the first save of a run fails, and how: each kind of change once, with the kinds of
        fault by turns."""
        kinds = ("ENOSPC", "EIO", "short")
        names = [name if "/checkpoints/" in path else None for name, path in changes]
        for index, name in enumerate(filter(None, dict.fromkeys(names))):
            at = names.index(name) + 1
            yield at, kinds[index % 2]
            if name.endswith("write"):
                yield at, "short"
