"""Runs that are killed and go on."""

import os
import random
import signal
import time
import unittest
from pathlib import Path

import runs

EPOCHS = 4
RANKS = 2


class InterruptionTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        whole = runs.Run(RANKS, cls.settings("whole")).finish()
        cls.seconds = whole.seconds
        cls.weights = runs.final_state(whole.output)

    @classmethod
    def settings(cls, name):
        return {"run.output": f"{cls.scratch}/{name}", "run.epochs": EPOCHS}

    def assert_is_whole(self, output):
        """Requires the results of a run that was left alone."""
        self.assertEqual(runs.final_state(output).keys(), self.weights.keys())
        for name, contents in runs.final_state(output).items():
            self.assertTrue(contents == self.weights[name], f"{name} differs")
        steps = [record["step"] for record in runs.records(output, "step")]
        self.assertEqual(steps, list(range(1, 2 * EPOCHS + 1)))
        phases = [record["phase"] for record in runs.records(output, "evaluation")]
        self.assertEqual(phases, ["before", "after"])

    def test_the_same_run_again_gives_the_same_bits(self):
        self.assert_is_whole(runs.Run(RANKS, self.settings("again")).finish().output)

    def test_a_run_killed_at_any_moment_goes_on_to_the_same_bits(self):
        killed_count = 0
        count = 3 if runs.IS_THOROUGH else 1
        for seed, victim in enumerate(count * ["rank"] + count * ["mpirun"]):
            moment = random.Random(seed)
            settings = self.settings(f"killed-{seed}")
            with self.subTest(victim=victim, seed=seed):
                # Twice, so that a run that went on is killed too.
                for steps in (moment.randint(0, EPOCHS), moment.randint(EPOCHS, 2 * EPOCHS - 1)):
                    run = runs.Run(RANKS, settings, "--resume", "latest")
                    killed_count += self.kill(run, victim, steps, moment)
                is_saved = any(Path(run.output, "checkpoints").glob("step-*/COMMIT"))
                run = runs.Run(RANKS, settings, "--resume", "latest").finish()
                if is_saved:
                    self.assertRegex(run.text(), "the run goes on after|the run is finished")
                self.assert_is_whole(run.output)
        # Now and then a run is at its end before its killer comes.
        self.assertGreaterEqual(killed_count, 3 * count - 1)

    def kill(self, run, victim, steps, moment):
        """Kills a rank or mpirun some time after a step, and waits until all of the run is gone.

        Returns whether that ended the run.
        """
        while run.process.poll() is None and run.step_count() < steps:
            time.sleep(0.01)
        time.sleep(moment.uniform(0, self.seconds / EPOCHS))
        ids = run.rank_ids() if victim == "rank" else [run.process.pid]
        if ids:
            os.kill(moment.choice(sorted(ids)), signal.SIGKILL)
        code = run.wait()
        self.assertNotEqual(code, 2, run.text())
        self.assertEqual(runs.left_running(run.output, within=15), [])
        return code != 0

    def test_an_interrupt_ends_all_ranks(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number.name):
                settings = self.settings(number.name)
                run = runs.Run(RANKS, settings)
                time.sleep(self.seconds / 2)
                run.process.send_signal(number)
                self.assertNotEqual(run.wait(), 0)
                self.assertEqual(runs.left_running(run.output), [])
