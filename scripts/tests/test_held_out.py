"""Rewards that a run does not train on, and the checkpoint that is best by one of them."""

import json
import subprocess
import unittest

import runs
from test_rewards import PROGRAM


class HeldOutTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)

    def reward(self, name, *modes):
        """A reward that the program gives, with a log of its own."""
        words = ", ".join(f'"{word}"' for word in ("python3", PROGRAM, self.scratch / name, *modes))
        return f"{{name: {name}, kind: command, program: [{words}]}}"

    def evaluations(self, output):
        lines = (output / "metrics.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        return [record for record in records if record["kind"] == "evaluation"]

    def checkpoints(self, output):
        end = subprocess.run(
            [runs.PRDP, "checkpoint", "list", output, "--json"], capture_output=True, text=True,
            check=True)
        return {entry["name"]: entry["isBest"] for entry in json.loads(end.stdout)}

    def test_a_held_out_reward_that_falls_is_said_and_the_best_checkpoint_stays(self):
        output = self.scratch / "drift"
        settings = {
            "run.output": output, "run.epochs": 4, "checkpoint.everyEpochs": 1,
            "evaluation.sets": "{unseen: Sources/Scenes/Resources/prompts/unseen.txt}",
            "evaluation.imagesPerSet": 8, "evaluation.everyEpochs": 1,
            # The same images get ever more of what is trained on, and ever less of the other.
            "rewards": f"[{self.reward('trained', 'drift', 1)}]",
            "evaluation.rewards": f"[{self.reward('other', 'drift', -1)}]",
            "checkpoint.best": "unseen/other", "scoring.parallelPrompts": 1,
            "scoring.ledger": "false"}
        end = runs.Run(None, settings, small=runs.TINY).finish()
        found = self.evaluations(output)
        self.assertEqual(
            [record["components"]["other"] for record in found],
            [-3.5 - 8 * place for place in range(5)])
        self.assertEqual({len(record["components"]) for record in found}, {2})
        self.assertIn("unseen the held-out other fell from -3.5000 to -19.5000 since step 0", end.text())
        # The first of the evaluations is of the model as it was, which is no checkpoint.
        self.assertEqual(self.checkpoints(output), {
            "step-00000001": True, "step-00000003": False, "step-00000004": False})
        best = json.loads((output / "summary.json").read_text())["best"]
        self.assertEqual(best, {"measure": "unseen/other", "step": 1, "value": -11.5})

        runs.Run(
            None, {**settings, "run.epochs": 6}, "--resume", "latest", small=runs.TINY).finish()
        # The program counts from its start: the first evaluation after it is the best of all.
        self.assertEqual(self.checkpoints(output), {
            "step-00000004": True, "step-00000005": False, "step-00000006": False})

    def test_the_best_may_be_the_last(self):
        output = self.scratch / "last"
        runs.Run(2, {
            "run.output": output, "run.epochs": 3, "checkpoint.everyEpochs": 1,
            "evaluation.sets": "{unseen: Sources/Scenes/Resources/prompts/unseen.txt}",
            "evaluation.imagesPerSet": 8, "evaluation.everyEpochs": 2,
            "rewards": f"[{self.reward('rising', 'drift', 1)}]",
            "evaluation.rewards": "[{name: jpeg-compressibility}]",
            "checkpoint.best": "unseen/rising", "scoring.parallelPrompts": 1,
            "scoring.ledger": "false"}, small=runs.TINY).finish()
        best = json.loads((output / "summary.json").read_text())["best"]
        self.assertEqual(best["step"], 3)
        self.assertEqual(best["value"], self.evaluations(output)[-1]["reward"])
        self.assertTrue(all(
            record["components"]["jpeg-compressibility"] < 0
            for record in self.evaluations(output)))
        self.assertTrue(self.checkpoints(output)["step-00000003"])

    def test_too_many_missing_scores_of_a_held_out_reward_do_not_stop_the_run(self):
        output = self.scratch / "missing"
        lack = self.scratch / "lack"
        lack.touch()
        end = runs.Run(None, {
            "run.output": output, "run.epochs": 1,
            "evaluation.sets": "{unseen: Sources/Scenes/Resources/prompts/unseen.txt}",
            "evaluation.imagesPerSet": 8,
            "evaluation.rewards": f"[{self.reward('other', 'lack', lack)}]"},
            small=runs.TINY).finish()
        for phase in ("before", "after"):
            self.assertIn(
                f"4 of 8 images of the evaluation {phase} unseen have no score by other; it gave no "
                "score, and 3 more: more than scoring.maxMissingFraction allows, so that nothing is "
                "said of it", end.text())
        for record in self.evaluations(output):
            self.assertEqual(set(record["components"]), {"scene-alignment"})
            self.assertEqual(record["missingScores"], 0)

    def test_wrong_settings_are_named(self):
        for settings, message in [
            ({"evaluation.rewards": "[{name: scene-alignment}]"},
             "evaluation.rewards has scene-alignment, which rewards has too"),
            ({"evaluation.rewards": "[{name: scene-correct, weight: 2}]"},
             "with distinct names and without weights, or [], got the weight 2"),
            ({"evaluation.everyEpochs": 1, "checkpoint.best": "unseen/none"},
             "checkpoint.best names the reward none, and evaluations have scene-alignment"),
            ({"evaluation.everyEpochs": 1, "checkpoint.best": "none/scene-alignment"},
             "checkpoint.best names the set none"),
            ({"checkpoint.best": "unseen/scene-alignment"}, "evaluation.everyEpochs is 0"),
            ({"checkpoint.best": "unseen"}, "must be SET/REWARD"),
        ]:
            with self.subTest(settings=settings):
                words = [f"--set={key}={value}" for key, value in settings.items()]
                end = subprocess.run(
                    [runs.PRDP, "config", "check", "--config", runs.ROOT / "cluster.yaml", *words],
                    capture_output=True, text=True, check=False)
                self.assertEqual(end.returncode, 2)
                self.assertIn(message, end.stdout + end.stderr)
