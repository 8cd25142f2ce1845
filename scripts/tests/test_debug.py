"""What a person does before a long run: the debug run of cluster.yaml as it stands, and calibration."""

import subprocess
import unittest
from pathlib import Path

import runs

PYTHON = runs.ROOT / ".venv/bin/python"


class DebugTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)

    def debug(self, ranks, name):
        settings = {"run.output": self.scratch / name}
        dump = self.scratch / f"{name}-dump"
        arguments = ("--debug", "--dump-step", str(dump))
        return runs.Run(ranks, settings, *arguments, small={}), dump

    def test_the_packaged_model_passes_every_check_and_another_framework_agrees(self):
        run, dump = self.debug(None, "debug")
        run.finish()
        self.assertRegex(run.text(), r"[1-9][0-9]+ checks passed")
        checked = subprocess.run(
            [PYTHON, runs.ROOT / "scripts/golden/check_dump.py", dump, runs.MODEL],
            capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertGreater(checked.stdout.count("  ok"), 10)
        self.assertNotIn("FAILED", checked.stdout)

    def test_two_ranks_are_refused(self):
        run, _ = self.debug(2, "refused")
        self.assertEqual(run.wait(), 2)
        self.assertEqual(run.text().count("expected one rank, found 2"), 1, run.text())

    def test_calibration_suggests_the_same_on_one_and_two_ranks(self):
        texts = []
        for ranks in (None, 2):
            run = runs.Run(ranks, {"run.output": self.scratch / "never"}, command="calibrate")
            texts.append(run.finish().text())
        self.assertEqual(texts[0], texts[1])
        for key in ("method.beta", "method.clipRange", "optimizer.learningRate"):
            self.assertRegex(texts[0], rf"--set {key}=[0-9.e+-]*[1-9]")
        self.assertFalse(Path(self.scratch, "never").exists())
