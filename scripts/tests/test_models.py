"""Models and adapters as files: what goes in, what comes out, and what other programs make of it."""

import json
import random
import re
import shutil
import struct
import subprocess
import unittest
from pathlib import Path

import runs

PYTHON = runs.ROOT / ".venv/bin/python"
OTHER_MODEL = runs.ROOT / "Tests/Fixtures/models/two-levels"
PROMPTS = ["a small red circle", "a large blue star above a small pink ring"]
STEPS = 20


def prdp(*arguments, text=""):
    """Runs a command to its end; returns the exit code, standard output and standard error."""
    end = subprocess.run(
        [str(runs.PRDP), *map(str, arguments)], input=text, capture_output=True, text=True,
        check=False, cwd=runs.ROOT, timeout=runs.LIMIT)
    return end.returncode, end.stdout, end.stderr


def write_tensors(path, **shapes):
    """A safetensors file of standard normal numbers in float32."""
    generator, header, data = random.Random(1), {}, b""
    for name, shape in shapes.items():
        count = 1
        for size in shape:
            count *= size
        values = struct.pack(f"<{count}f", *(generator.gauss(0, 1) for _ in range(count)))
        header[name] = dict(
            dtype="F32", shape=shape, data_offsets=[len(data), len(data) + len(values)])
        data += values
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class ModelTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        # Large steps, so that the adapters are far from where they start.
        cls.run_folder = cls.scratch / "run"
        runs.Run(1, {
            "run.output": cls.run_folder, "run.epochs": 2, "model.lora.rank": 4,
            "model.lora.alpha": 8, "optimizer.learningRate": 0.02, "optimizer.warmupSteps": 0,
            "evaluation.sets": "{}"}).finish()
        cls.export = cls.scratch / "export"
        code, _, error = prdp("export", cls.run_folder, "--output", cls.export)
        assert code == 0, error
        cls.lora = cls.export / "pytorch_lora_weights.safetensors"
        cls.kohya = cls.export / "lora_kohya.safetensors"
        cls.prompts = cls.scratch / "prompts.txt"
        cls.prompts.write_text("\n".join(PROMPTS) + "\n")

    def sample(self, name, *arguments, model=runs.MODEL):
        """Draws the prompts, 20 guided steps each; returns the pictures' pixels."""
        output = self.scratch / name
        code, text, error = prdp(
            "sample", "--model", model, "--prompts", self.prompts, "--steps", STEPS, "--guidance", 3,
            "--output", output, "--threads", 1, *arguments)
        self.assertEqual(code, 0, error)
        self.assertEqual([json.loads(line)["prompt"] for line in text.splitlines()], PROMPTS)
        return [runs.png_pixels(output / f"{index:05}.png")[1] for index in range(len(PROMPTS))]

    def assert_same_pictures(self, ones, others):
        for one, other in zip(ones, others, strict=True):
            differences = [abs(a - b) for a, b in zip(one, other, strict=True)]
            # Another order of rounding moves a level here and there.
            self.assertLessEqual(max(differences), 1)
            self.assertLess(sum(differences) / len(differences), 0.01)

    @unittest.skipUnless(PYTHON.exists(), "needs scripts/setup --golden")
    def test_diffusers_draws_our_pictures_with_the_exported_adapters(self):
        noise, steps = self.scratch / "noise.safetensors", self.scratch / "steps.safetensors"
        write_tensors(noise, initial=[2, 4, 16, 16], steps=[STEPS, 2, 4, 16, 16])
        with_adapters = self.sample(
            "with", "--noise", noise, "--save-trajectory", steps, "--lora", self.lora)
        self.assertNotEqual(with_adapters, self.sample("without", "--noise", noise))
        end = subprocess.run(
            [PYTHON, "scripts/golden/check_samples.py", "--model", runs.MODEL, "--prompts",
             self.prompts, "--noise", noise, "--trajectory", steps, "--guidance", "3", "--lora",
             self.lora, "--kohya", self.kohya],
            cwd=runs.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
            timeout=runs.LIMIT)
        self.assertEqual(end.returncode, 0, end.stdout)

    def test_both_layouts_and_the_merged_model_draw_the_same(self):
        expected = self.sample("diffusers", "--lora", self.lora)
        self.assert_same_pictures(self.sample("kohya", "--lora", self.kohya), expected)
        merged = self.scratch / "merged"
        code, _, error = prdp("export", self.run_folder, "--merge", "--output", merged)
        self.assertEqual(code, 0, error)
        self.assert_same_pictures(self.sample("pictures", model=merged), expected)

    def test_tokens_come_a_line_a_prompt(self):
        code, text, error = prdp("tokenize", "--model", runs.MODEL, text="a star\n\nA  STAR\r\n")
        self.assertEqual(code, 0, error)
        star, empty, again = map(json.loads, text.splitlines())
        self.assertEqual(star, again)
        self.assertEqual(len(star), len(empty))
        self.assertEqual(star[0], empty[0])
        self.assertNotEqual(star, empty)

    def test_the_configurations_in_the_readme_are_right(self):
        blocks = re.findall(r"```yaml\n(.*?)```", (runs.ROOT / "README.md").read_text(), re.DOTALL)
        self.assertTrue(blocks)
        for block in blocks:
            path = self.scratch / "readme.yaml"
            path.write_text(block)
            code, text, error = prdp("config", "check", "--config", path)
            self.assertEqual(code, 0, text + error)

    def mistakes(self):
        """Arguments of a command, and what has to be said."""
        sample = ("sample", "--prompts", self.prompts, "--output", self.scratch / "never", "--model")
        nothing, cut = self.scratch / "nothing", self.scratch / "cut.safetensors"
        cut.write_bytes(self.lora.read_bytes()[:-100])
        yield (*sample, nothing), f"{nothing}: no such model folder"
        yield (*sample, self.export), f"{self.export}: has no folder unet"
        yield (*sample, self.other_text_width()), "the text encoder's hidden_size 32, found 64"
        yield (*sample, self.without_weights()), "convert them with save_pretrained"
        yield (*sample, OTHER_MODEL, "--lora", self.lora), "the model expects [4, 8, 3, 3]"
        yield (*sample, runs.MODEL, "--lora", cut), f"{cut}: "
        yield (*sample, runs.MODEL, "--lora", nothing), f"{nothing}: "
        yield (*sample, runs.MODEL, "--noise", self.lora), f"{self.lora}: expected a tensor initial"
        yield ("inspect", nothing), f"{nothing}: expected a model folder"
        yield ("inspect", cut), f"{cut}: "
        yield (
            (*sample, runs.MODEL, "--save-trajectory", nothing / "steps.safetensors"),
            "name a new file in a folder that is there")
        yield (
            ("export", nothing, "--output", self.scratch / "never"),
            f"{nothing}: expected the folder of a run, or a checkpoint, found neither")
        yield ("tokenize", "--model", nothing), f"{nothing}: no such folder"
        yield (
            ("tokenize", "--model", runs.MODEL, "--input", nothing), f"{nothing}: no such file")
        yield (("bench", "model", "--model", runs.MODEL, "--threads=-1"), "--threads must be from 0")
        yield ("bench", "model", "--model", nothing), f"{nothing}: no such model folder"
        yield ("bench", "model", "--model", runs.MODEL, "--batch-size", 0), "--batch-size must be"

    def other_text_width(self):
        model = self.scratch / "text-width"
        shutil.copytree(runs.MODEL, model)
        path = model / "text_encoder/config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "hidden_size": 32}))
        return model

    def without_weights(self):
        model = self.scratch / "pickled"
        shutil.copytree(runs.MODEL, model)
        weights = model / "unet/diffusion_pytorch_model.safetensors"
        weights.rename(weights.with_suffix(".bin"))
        return model

    def test_a_mistake_is_said_once(self):
        for arguments, message in self.mistakes():
            with self.subTest(command=" ".join(map(str, arguments))):
                code, text, error = prdp(*arguments)
                said = text + error
                self.assertIn(message, said)
                self.assertEqual(said.lower().count("error:"), 1, said)
                self.assertEqual(code, 2, said)
                self.assertFalse(Path(self.scratch, "never").exists(), said)
