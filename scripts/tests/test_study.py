"""The study of several methods, very small."""

import json
import os
import subprocess
import unittest

import runs

METHODS = ("small-prdp", "large-ddpo", "large-ddpo-history")


class StudyTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)

    def study(self, *arguments, prdp=runs.PRDP, status=0):
        end = subprocess.run(
            ["python3", runs.ROOT / "scripts/study.py", "--output", self.scratch, "--queries", "32",
             "--prompts", "4", "--images-per-prompt", "4", "--seeds", "2", "--ranks", "1",
             "--evaluation-images", "4", "--inner-steps", "1", "--only", *METHODS, *arguments],
            env={**os.environ, "PRDP": prdp, "OMPI_ALLOW_RUN_AS_ROOT": "1",
                 "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"},
            capture_output=True, text=True, check=False, timeout=runs.LIMIT)
        self.assertEqual(end.returncode, status, end.stdout + end.stderr)
        return end.stdout + end.stderr

    def test_it_goes_on_where_it_stopped_and_writes_what_it_found(self):
        self.assertEqual(self.study().count(", seed "), 6)
        # What is done is not done again, and what is missing is.
        summary = self.scratch / "large-ddpo-seed2/summary.json"
        after = json.loads(summary.read_text())["evaluation"]["after"]
        self.assertEqual(self.study().count(", seed "), 0)
        summary.unlink()
        self.assertEqual(self.study().count(", seed "), 1)
        self.assertEqual(json.loads(summary.read_text())["evaluation"]["after"], after)

        numbers = json.loads((self.scratch / "study.json").read_text())
        self.assertEqual(
            [(row["scale"], row["method"], row["seeds"]) for row in numbers],
            [("small", "base", 1), ("small", "PRDP", 2), ("large", "base", 1),
             ("large", "DDPO", 2), ("large", "DDPO, one image a prompt", 2)])
        other = json.loads(
            (self.scratch / "large-ddpo-seed1/summary.json").read_text())["evaluation"]["after"]
        for name, found in numbers[3]["sets"].items():
            self.assertAlmostEqual(found["mean"], (after[name] + other[name]) / 2, places=12)
            self.assertAlmostEqual(
                found["standardError"], abs(after[name] - other[name]) / 2, places=12)
        self.assertEqual(len((self.scratch / "table.md").read_text().splitlines()), 7)
        for scale, count in (("small", 1), ("large", 2)):
            text = (self.scratch / f"curves-{scale}.svg").read_text()
            self.assertEqual(text.count("<polyline"), count)
        self.assertTrue((self.scratch / "large-ddpo-after.png").exists())
        # As many images are scored whatever the method.
        for method in METHODS:
            with self.subTest(method=method):
                found = json.loads((self.scratch / f"{method}-seed1/summary.json").read_text())
                self.assertEqual(found["images"], 32)
        prompts = (self.scratch / "small.txt").read_text().splitlines()
        self.assertEqual(len(set(prompts)), 45)

        # Runs of another budget would not compare.
        said = self.study("--queries", "16", status=1)
        self.assertIn('"queries": 32', said)
        self.assertIn("choose another --output", said)
        # A run that diverges is a result, and does not keep the others from theirs.
        summary.unlink()
        failing = self.scratch / "failing"
        failing.write_text("#!/bin/sh\necho error: the gradient is not finite\nexit 3\n")
        failing.chmod(0o755)
        self.assertIn("diverged: error: the gradient is not finite", self.study(prdp=str(failing)))
        self.assertEqual(self.study().count(", seed "), 0)
        numbers = json.loads((self.scratch / "study.json").read_text())
        self.assertEqual(numbers[3]["method"], "DDPO; 1 diverged")
        self.assertEqual(numbers[3]["seeds"], 1)
