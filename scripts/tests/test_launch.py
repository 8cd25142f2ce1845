"""Runs under `prdp launch`: stopped, killed and started again, on one machine."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import runs

EPOCHS = 4
RANKS = 2
PREEMPTED = 85


class Launch(runs.Run):
    """A run of `prdp launch`, with short waits."""

    def __init__(self, settings, *arguments, **options):
        super().__init__(
            None, {
                "cluster.slots": RANKS, "cluster.mca": "{mpi_yield_when_idle: 1}",
                "cluster.restartDelay": 0, **settings},
            *arguments, command="launch", **options)

    def wait_for_steps(self, count):
        """Waits until the run folder knows of some optimiser steps."""
        while self.process.poll() is None and self.step_count() < count:
            time.sleep(0.01)

    def mpirun_ids(self):
        return [
            number for number, words in runs.processes()
            if Path(words[0]).name == "mpirun" and f"run.output={self.output}" in words]

    def attempts(self):
        """The lines of launch.jsonl."""
        path = Path(self.output, "launch.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class LaunchTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        whole = runs.Run(RANKS, cls.settings("whole")).finish()
        cls.weights = runs.final_state(whole.output)

    @classmethod
    def settings(cls, name, **others):
        return {"run.output": f"{cls.scratch}/{name}", "run.epochs": EPOCHS, **others}

    def assert_is_whole(self, run):
        """Requires the weights of a run that was left alone, and that nothing is left running."""
        self.assertTrue(runs.final_state(run.output) == self.weights)
        steps = [record["step"] for record in runs.records(run.output, "step")]
        self.assertEqual(steps, list(range(1, 2 * EPOCHS + 1)))
        self.assertEqual(runs.left_running(run.output), [])

    def test_a_launch_gives_the_same_bits_as_mpirun(self):
        run = Launch(self.settings("alone")).finish()
        self.assert_is_whole(run)
        [attempt] = run.attempts()
        self.assertEqual((attempt["status"], attempt["committedStep"]), (0, 2 * EPOCHS))
        # The command was said before it was run.
        self.assertIn(f"launch: {shlex.join(attempt['command'])[:40]}", run.text())

    def test_a_killed_rank_is_named_and_the_run_goes_on_to_the_same_bits(self):
        run = Launch(self.settings("rank"))
        run.wait_for_steps(3)
        while run.process.poll() is None and not runs.committed_steps(run.output):
            time.sleep(0.01)
        os.kill(run.id_of_rank(1), signal.SIGKILL)
        run.finish()
        self.assert_is_whole(run)
        self.assertRegex(run.text(), r"launch: mpirun ended with 137: it began with rank 1 \(")
        self.assertRegex(run.text(), r"launch: restart in 0 s, from step \d+")
        self.assertEqual([attempt["status"] for attempt in run.attempts()], [137, 0])

    def test_a_killed_mpirun_is_started_again(self):
        run = Launch(self.settings("mpirun"))
        run.wait_for_steps(3)
        os.kill(run.mpirun_ids()[0], signal.SIGKILL)
        run.finish()
        self.assert_is_whole(run)
        self.assertIn("mpirun was killed by signal 9", run.text())

    def test_a_frozen_rank_is_named_and_ended(self):
        run = Launch(self.settings("frozen", **{"cluster.heartbeatLimit": 4}))
        run.wait_for_steps(3)
        os.kill(run.rank_ids()[0], signal.SIGSTOP)
        frozen = time.monotonic()
        while "no sign of life for 4 s from rank" not in run.text():
            self.assertLess(time.monotonic() - frozen, 10, run.text())
            time.sleep(0.1)
        run.finish()
        self.assert_is_whole(run)

    def test_under_plain_mpirun_too_a_stuck_rank_is_told_from_those_that_wait(self):
        run = runs.Run(RANKS, self.settings("stuck", **{"cluster.stallLimit": 4}))
        while run.process.poll() is None and run.step_count() < 3:
            time.sleep(0.01)
        # Rank 0 listens to the others where there is no launcher.
        os.kill(run.id_of_rank(1), signal.SIGSTOP)
        self.assertEqual(run.wait(), 75, run.text())
        self.assertRegex(run.text(), r"error: rank [01] on .*, longer than cluster.stallLimit")
        self.assertRegex(run.text(), r"error: a rank is stuck: .*\brank 1 \(.*silent for \d+ s")
        self.assertEqual(runs.left_running(run.output, within=15), [])

    def test_a_stop_saves_and_the_next_launch_goes_on_to_the_same_bits(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            with self.subTest(signal=number.name):
                settings = self.settings(number.name)
                run = Launch({**settings, "checkpoint.everyEpochs": 0})
                run.wait_for_steps(2)
                run.process.send_signal(number)
                self.assertEqual(run.wait(), PREEMPTED, run.text())
                self.assertEqual(runs.left_running(run.output), [])
                self.assertIn("saved; --resume latest goes on", run.text())
                self.assertTrue(any(Path(run.output, "checkpoints").glob("step-*/COMMIT")))
                self.assert_is_whole(Launch(settings).finish())

    def test_a_second_stop_ends_the_run_at_once(self):
        run = Launch(self.settings("twice"))
        run.wait_for_steps(2)
        # A rank that does not stop: the first signal alone would wait for it.
        os.kill(run.rank_ids()[0], signal.SIGSTOP)
        for _ in range(2):
            run.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        stopped = time.monotonic()
        self.assertNotEqual(run.wait(), 0)
        self.assertLess(time.monotonic() - stopped, 10)
        self.assertEqual(runs.left_running(run.output), [])

    def test_two_launchers_on_one_run_folder_do_not_work_side_by_side(self):
        run = Launch(self.settings("shared"))
        run.wait_for_steps(1)
        second = Launch(self.settings("shared"))
        self.assertEqual(second.wait(), 2, second.text())
        self.assertLess(second.seconds, 10)
        self.assertIn("expected a run folder without a launcher, found another one", second.text())
        self.assert_is_whole(run.finish())

    def test_a_run_that_dies_at_the_same_step_each_time_is_given_up(self):
        run = Launch(
            self.settings("dies", **{"checkpoint.everyEpochs": 0, "cluster.restarts": 2}))
        for attempt in range(3):
            # The ranks of the start before, and its metrics, must be gone.
            end = time.monotonic() + 60
            while len(run.attempts()) < attempt or run.step_count() > 0 and attempt > 0:
                self.assertIsNone(run.process.poll(), run.text())
                self.assertLess(time.monotonic(), end, run.text())
                time.sleep(0.01)
            run.wait_for_steps(2)
            for number in run.rank_ids():
                os.kill(number, signal.SIGKILL)
        self.assertEqual(run.wait(), 137, run.text())
        self.assertRegex(
            run.text(), "launch: the run ended 3 times in a row without a new checkpoint in between")
        self.assertEqual(len(run.attempts()), 3)
        self.assertEqual(runs.left_running(run.output), [])

    def test_bad_input_is_not_started_again(self):
        run = Launch(self.settings("bad", **{"data.prompts": f"{self.scratch}/missing.txt"}))
        self.assertEqual(run.wait(), 2, run.text())
        self.assertEqual(len(run.attempts()), 1)

    def test_nothing_that_a_configuration_says_is_run_by_a_shell(self):
        canary = self.scratch / "canary"
        folder = self.scratch / f"it's a \"run\" $(touch {canary.name}) `touch {canary.name}`; x"
        folder.mkdir()
        config = folder / "cluster $(touch canary).yaml"
        shutil.copy(runs.ROOT / "cluster.yaml", config)
        # Literally passed on where a path may be anything.
        run = Launch(
            {"run.output": folder / "out", "run.epochs": EPOCHS}, config=config).finish()
        self.assert_is_whole(run)
        command = run_prdp(
            "launch", "--print-command", "--config", str(config), "--set", f"run.output={folder}")
        self.assertEqual(command.returncode, 0, command.stderr)
        words = shlex.split(command.stdout)
        self.assertIn(str(config), words)
        self.assertIn(f"run.output={folder}", words)

        # Refused where it would reach a shell on another host.
        touch = f"$(touch {canary})"
        for setting in (
            f"cluster.hosts=[{{name: '{touch}', slots: 1}}]",
            f"cluster.hosts=[{{name: '-oProxyCommand=touch {canary}', slots: 1}}]",
            f"cluster.hosts=[{{name: localhost, slots: '{touch}'}}]",
            f"cluster.mca={{btl: '{touch}'}}", f"cluster.mca={{'{touch}': x}}",
            f"cluster.network='{touch}'", f"cluster.environment=['A={touch}']",
            f"cluster.slots={touch}",
        ):
            with self.subTest(setting=setting):
                refused = run_prdp("launch", "--set", setting)
                self.assertEqual(refused.returncode, 2, refused.stdout + refused.stderr)
                self.assertRegex(refused.stderr, r"^error: --set: cluster\.\w+(\[0\])?(\.\w+)? must be")
        for arguments in (["--", "train", ":"], ["--", "train", "--resume", ":"], ["--", "ls"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(run_prdp("launch", *arguments).returncode, 2)
        self.assertEqual(list(Path(runs.ROOT).glob("canary*")), [])
        self.assertFalse(canary.exists())

    def test_a_host_that_is_not_there_is_refused_by_name_within_seconds(self):
        start = time.monotonic()
        refused = run_prdp(
            "launch", "--set", f"run.output={self.scratch}/lost", "--set",
            "cluster.hosts=[{name: no-such-host.invalid, slots: 2}]")
        self.assertEqual(refused.returncode, 255, refused.stderr)
        self.assertIn("no-such-host.invalid", refused.stderr)
        self.assertLess(time.monotonic() - start, 15)


def run_prdp(*arguments):
    """A command of prdp, with its outputs as text."""
    return subprocess.run(
        [str(runs.PRDP), *arguments], cwd=runs.ROOT, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=60)
