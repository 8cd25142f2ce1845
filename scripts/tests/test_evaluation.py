"""Models that are evaluated and compared from the command line."""

import hashlib
import json
import subprocess
import unittest

import runs
from test_rewards import PROGRAM


def prdp(*arguments, ranks=None):
    """Runs prdp; returns its exit code and what it printed."""
    launcher = [] if ranks is None else [
        "mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(ranks)]
    end = subprocess.run(
        [*launcher, runs.PRDP, *map(str, arguments)], cwd=runs.ROOT, capture_output=True,
        text=True, check=False, timeout=runs.LIMIT,
        env={**runs.os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1",
             "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
    return end.returncode, end.stdout + end.stderr


class EvaluationTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        cls.prompts = cls.scratch / "prompts.txt"
        unseen = runs.ROOT / "Sources/Scenes/Resources/prompts/unseen.txt"
        cls.prompts.write_text("".join(unseen.read_text().splitlines(keepends=True)[:7]))
        # So far from its start that it shows in a few images.
        cls.trained = runs.Run(None, {
            "run.output": cls.scratch / "run", "run.epochs": 2, "optimizer.learningRate": 0.02,
            "optimizer.warmupSteps": 0}, small=runs.TINY).finish()

    def evaluate(self, name, *arguments, ranks=None):
        """The report of an evaluation of three images of each prompt, and its path."""
        path = self.scratch / f"{name}.json"
        code, text = prdp(
            "evaluate", "--prompts", self.prompts, "--images-per-prompt", 3, "--json", path,
            "--set", f"model.path={runs.MODEL}", "--set", "sampler.batchSize=4", *arguments,
            ranks=ranks)
        self.assertEqual(code, 0, text)
        return json.loads(path.read_text()), path

    def test_ranks_share_an_evaluation_and_its_scores_are_the_same(self):
        one, _ = self.evaluate("one")
        three, _ = self.evaluate("three", ranks=3)
        self.assertEqual(one, three)
        self.assertEqual(len(one["scores"]), 21)
        mean = sum(score["reward"] for score in one["scores"]) / 21
        self.assertAlmostEqual(one["reward"]["mean"], mean, places=12)
        self.assertGreater(len({score["reward"] for score in one["scores"]}), 10)

    def test_held_out_rewards_are_said_beside_whatever_a_run_would_ask_for(self):
        held_out = (
            "--set", "evaluation.rewards=[{name: jpeg-compressibility}, {name: scene-correct}]",
            # No run could be started with these.
            "--set", "checkpoint.best=none/none", "--set", "method.promptsPerEpoch=1")
        found, _ = self.evaluate("held-out", *held_out, ranks=2)
        self.assertEqual(
            found["components"].keys(), {"scene-alignment", "jpeg-compressibility", "scene-correct"})
        self.assertEqual(found["reward"], found["components"]["scene-alignment"])
        self.assertLess(found["components"]["jpeg-compressibility"]["mean"], 0)
        # What is asked for by itself is not held out.
        again, _ = self.evaluate(
            "not-held-out", *held_out, "--set", "rewards=[{name: jpeg-compressibility}]")
        self.assertEqual(again["components"].keys(), {"jpeg-compressibility", "scene-correct"})
        self.assertEqual(again["reward"], found["components"]["jpeg-compressibility"])

    def test_a_prompts_images_do_not_depend_on_how_many_there_are(self):
        three, _ = self.evaluate("three-images")
        five, _ = self.evaluate("five-images", "--images-per-prompt", 5)
        first = {(s["promptIndex"], s["imageIndex"]): s["reward"] for s in five["scores"]}
        for score in three["scores"]:
            # Other batches give other last bits.
            self.assertAlmostEqual(
                score["reward"], first[score["promptIndex"], score["imageIndex"]], places=3)

    def test_a_run_is_compared_with_its_start(self):
        base, base_path = self.evaluate("base")
        tuned, tuned_path = self.evaluate("tuned", "--checkpoint", self.trained.output)
        self.assertNotEqual(base["scores"], tuned["scores"])
        self.assertEqual(base["modelSHA256"], tuned["modelSHA256"])
        self.assertFalse({"weights", "weightsSHA256"} & base.keys())
        newest = max(runs.Path(self.trained.output, "checkpoints").glob("step-*"))
        self.assertEqual(tuned["weights"], str(newest))
        self.assertEqual(tuned["weightsSHA256"], (newest / "COMMIT").read_text().strip())
        code, text = prdp("compare", base_path, tuned_path, "--json", "-")
        self.assertEqual(code, 0, text)
        verdict = json.loads(text)["reward"]
        differences = [
            b["reward"] - a["reward"] for a, b in zip(base["scores"], tuned["scores"])]
        wins = sum((d > 0) + 0.5 * (d == 0) for d in differences) / 21
        self.assertAlmostEqual(verdict["winRate"], wins, places=12)
        self.assertAlmostEqual(verdict["meanDifference"], sum(differences) / 21, places=12)

        # Adapters that were exported are the checkpoint's.
        export = self.scratch / "export"
        code, text = prdp("export", self.trained.output, "--output", export)
        self.assertEqual(code, 0, text)
        exported, _ = self.evaluate(
            "exported", "--lora", export / "pytorch_lora_weights.safetensors")
        self.assertEqual(exported["scores"], tuned["scores"])
        file = (export / "pytorch_lora_weights.safetensors").read_bytes()
        self.assertEqual(exported["weightsSHA256"], hashlib.sha256(file).hexdigest())

    def test_what_was_paid_for_is_not_asked_for_again(self):
        log, ledger = self.scratch / "asked", self.scratch / "ledger"
        reward = f"rewards=[{{name: pick, kind: command, program: [python3, {PROGRAM}, {log}]}}]"
        found = [
            self.evaluate(f"paid-{ranks}", "--ledger", ledger, "--set", reward, ranks=ranks)[0]
            for ranks in (2, None)]
        self.assertEqual(found[0], found[1])
        self.assertEqual(len(log.read_text().splitlines()), 21)
        lines = [
            json.loads(line) for path in sorted(ledger.iterdir())
            for line in path.read_text().splitlines()]
        self.assertEqual(
            sorted((line["set"], line["position"], line["index"]) for line in lines),
            [("evaluate", prompt, image) for prompt in range(7) for image in range(3)])

    def test_wrong_input_is_named(self):
        _, path = self.evaluate("for-errors")
        _, other = self.evaluate("another-seed", "--seed", 1)
        for arguments, message in [
            (("compare", path, other), "found seed 1, not 0"),
            (("compare", path, self.prompts), "expected the file of prdp evaluate --json"),
            (("evaluate", "--prompts", self.scratch / "none.txt"), "none.txt"),
            (("evaluate", "--prompts", self.prompts, "--checkpoint", self.scratch),
             "expected the folder of a run, or a checkpoint"),
            (("evaluate", "--prompts", self.prompts, "--images-per-prompt", 0),
             "--images-per-prompt must be from 1"),
            (("evaluate", "--prompts", self.prompts, "--lora", path, "--checkpoint", path),
             "leave one out"),
            (("evaluate", "--prompts", self.prompts, "--ledger", path),
             "name a folder of yours with --ledger"),
        ]:
            with self.subTest(arguments=arguments):
                code, text = prdp(*arguments)
                self.assertNotEqual(code, 0)
                self.assertIn(message, text)
