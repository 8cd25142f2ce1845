"""Wrong input: one clear message, exit code 2, and soon."""

import os
import shutil
import unittest
from dataclasses import dataclass, field
from pathlib import Path

import runs


@dataclass
class Case:
    """Wrong input, and what has to be said about it."""

    name: str
    message: str
    settings: dict = field(default_factory=dict)
    arguments: tuple = ()
    config: str = "cluster.yaml"
    ranks: tuple = (None, 2)


class InputTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        cls.finished = cls.scratch / "finished"
        runs.Run(1, {"run.output": cls.finished, "run.epochs": 1}).finish()

    def cases(self):
        scratch = self.scratch
        text = (runs.ROOT / "cluster.yaml").read_text()
        unknown = scratch / "unknown.yaml"
        unknown.write_text(text.replace("\n  beta:", "\n  betaa:"))
        yield Case(
            "an unknown key in the file", "method.betaa is not a known key; did you mean method.beta?",
            config=str(unknown))
        yield Case(
            "an unknown key on the command line",
            "method.betaa is not a known key; did you mean method.beta?", {"method.betaa": 1})
        yield Case(
            "an unknown option", "Unknown option '--resum'", arguments=("--resum", "latest"))
        yield Case(
            "no configuration", f"{scratch}/none.yaml: cannot be opened: No such file",
            config=f"{scratch}/none.yaml")
        yield Case("no model", f"{scratch}/no-model", {"model.path": f"{scratch}/no-model"})
        yield self.truncated_weights()
        yield self.deep_model()
        yield self.deep_prompts()
        yield self.endless_prompts()
        empty = scratch / "empty.txt"
        empty.touch()
        yield Case("an empty prompt file", f"{empty}: expected", {"data.prompts": empty})
        yield Case(
            "a prompt that the reward cannot judge", 'the caption "draw me a sheep"',
            {"data.prompts": self.prompts("draw me a sheep")})
        yield Case(
            "fewer prompts than ranks", "method.promptsPerEpoch is 1, fewer than the 2 ranks",
            {"method.promptsPerEpoch": 1}, ranks=(2,))
        yield Case(
            "an output below a file", f"the file {empty} in it", {"run.output": f"{empty}/run"})
        yield Case(
            "a run that exists", "go on with it by --resume latest",
            {"run.output": self.finished, "run.epochs": 1})
        yield Case(
            "a checkpoint of another configuration", "method.beta was 0.0005 and is 0.001",
            {"run.output": self.finished, "method.beta": "1.0e-3"}, ("--resume", "latest"))
        yield Case(
            "no checkpoint at the path", f"{scratch}/no-checkpoint",
            arguments=("--resume", f"{scratch}/no-checkpoint"))

    def truncated_weights(self):
        model = self.scratch / "truncated"
        shutil.copytree(runs.MODEL, model)
        weights = model / "unet/diffusion_pytorch_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])
        return Case("weights without their end", str(weights), {"model.path": model})

    def deep_model(self):
        model = self.scratch / "deep"
        shutil.copytree(runs.MODEL, model)
        (model / "unet/config.json").write_text("[" * 10_000 + "]" * 10_000)
        return Case("a JSON file nested too deep", "unet/config.json: ", {"model.path": model})

    def deep_prompts(self):
        prompts = self.scratch / "deep.json"
        prompts.write_text("[" * 10_000 + "]" * 10_000)
        return Case(
            "prompts nested too deep", f"{prompts}: expected a JSON list", {"data.prompts": prompts})

    def endless_prompts(self):
        prompts = self.scratch / "endless.txt"
        prompts.touch()
        os.truncate(prompts, 1 << 30)
        return Case("a gigabyte of prompts", f"{prompts}:1: expected", {"data.prompts": prompts})

    def prompts(self, text):
        path = self.scratch / "prompts.txt"
        path.write_text(text + "\n")
        return path

    def test_wrong_input_is_said_once_and_soon(self):
        for case in self.cases():
            for ranks in case.ranks:
                with self.subTest(case.name, ranks=ranks):
                    self.check(case, ranks)

    def check(self, case, ranks):
        output = str(self.scratch / "never")
        settings = {"run.output": output, **case.settings}
        run = runs.Run(ranks, settings, *case.arguments, config=case.config)
        code = run.wait()
        self.assertEqual(code, 2, run.text())
        self.assertEqual(run.text().count(case.message), 1, run.text())
        self.assertEqual(run.text().count("error:"), 1, run.text())
        # A machine that has other work too gives this run a share of its time.
        load = max(1, os.getloadavg()[0] / os.cpu_count())
        self.assertLess(run.seconds, 5 * load, run.text())
        self.assertEqual(runs.left_running(settings["run.output"]), [])
