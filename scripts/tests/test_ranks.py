"""The same run on one, two, three and four ranks."""

import unittest
from pathlib import Path

import runs


class RanksTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        cls.outputs = {ranks: f"{cls.scratch}/{ranks}" for ranks in range(1, 5)}
        for ranks, output in cls.outputs.items():
            runs.Run(ranks, {"run.output": output}).finish()

    def for_several_ranks(self, check):
        """Calls `check` with the run folders of one rank and of each greater number."""
        for ranks in range(2, 5):
            with self.subTest(ranks=ranks):
                check(self.outputs[1], self.outputs[ranks])

    def assert_near(self, actual, expected, relative, what):
        self.assertLessEqual(
            abs(actual - expected), relative * abs(expected), f"{what}: {actual}, not {expected}")

    def test_there_is_something_to_compare(self):
        steps = runs.records(self.outputs[1], "step")
        self.assertEqual([step["step"] for step in steps], [1, 2, 3, 4, 5, 6])
        for step in steps:
            self.assertGreater(abs(step["loss"]), 0, step)
            self.assertGreater(step["gradientNorm"], 0, step)
            self.assertLess(step["tiedPairFraction"], 1, step)
        self.assertEqual(len({step["rewardMean"] for step in steps}), 3)

    def test_the_first_loss_is_the_same_within_a_millionth(self):
        def check(one, several):
            expected, actual = (runs.records(output, "step")[0] for output in (one, several))
            self.assert_near(actual["loss"], expected["loss"], 1e-6, "loss")

        self.for_several_ranks(check)

    def test_every_loss_and_reward_is_the_same_within_a_ten_thousandth(self):
        def check(one, several):
            steps = zip(runs.records(one, "step"), runs.records(several, "step"), strict=True)
            for expected, actual in steps:
                for name in ("loss", "rewardMean", "gradientNorm"):
                    self.assert_near(
                        actual[name], expected[name], 1e-4, f"{name} of step {expected['step']}")

        self.for_several_ranks(check)

    def test_evaluations_are_the_same(self):
        def check(one, several):
            before, after = zip(
                runs.records(one, "evaluation"), runs.records(several, "evaluation"), strict=True)
            self.assert_near(before[1]["reward"], before[0]["reward"], 1e-6, "before")
            self.assert_near(after[1]["reward"], after[0]["reward"], 1e-3, "after")

        self.for_several_ranks(check)

    def test_pictures_are_the_same(self):
        # One level for a sample on the border between two: 1e-4 is far less than a level.
        def check(one, several):
            for name in ("before-unseen.png", "after-unseen.png"):
                paths = [Path(output, "samples", name) for output in (one, several)]
                if paths[0].read_bytes() == paths[1].read_bytes():
                    continue
                expected, actual = map(runs.png_pixels, paths)
                self.assertEqual(actual[0], expected[0], name)
                samples = zip(actual[1], expected[1], strict=True)
                differences = [abs(a - b) for a, b in samples if a != b]
                self.assertLessEqual(max(differences, default=0), 1, name)
                self.assertLessEqual(len(differences), len(expected[1]) // 1000, name)

        self.for_several_ranks(check)

    def test_eight_ranks_take_the_steps_of_one(self):
        # Eleven prompts: three ranks have two, five have one.
        more = {"run.epochs": 2, "method.promptsPerEpoch": 11, "evaluation.sets": "{}"}
        outputs = []
        for ranks in (1, 8):
            outputs.append(f"{self.scratch}/{ranks}-of-eleven")
            runs.Run(ranks, {"run.output": outputs[-1], **more}).finish()
        steps = zip(*(runs.records(output, "step") for output in outputs), strict=True)
        for expected, actual in steps:
            for name in ("loss", "rewardMean", "gradientNorm"):
                self.assert_near(
                    actual[name], expected[name], 1e-4, f"{name} of step {expected['step']}")
