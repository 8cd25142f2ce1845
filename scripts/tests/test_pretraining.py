"""The command that makes the packaged model."""

import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

import runs

# Batches of 7, so that the shares of two and three ranks are uneven.
SMALL = (
    "--unet-channels", "8", "16", "--autoencoder-channels", "4", "4", "8", "--text-width", "16",
    "--autoencoder-steps", "4", "--denoiser-steps", "4", "--report-interval", "2",
    "--autoencoder-batch", "7", "--denoiser-batch", "7", "--threads", "1")


def pretrain(ranks, output, *arguments):
    """Runs the command to its end; returns the exit code and what it said."""
    end = subprocess.run(
        ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(ranks), str(runs.PRDP),
         "pretrain", "--output", str(output), *SMALL, *arguments],
        capture_output=True, text=True, check=False, cwd=runs.ROOT, timeout=runs.LIMIT,
        env={**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
    return end.returncode, end.stdout + end.stderr


def losses(output):
    lines = Path(output, "log.jsonl").read_text().splitlines()
    return [record["loss"] for record in map(json.loads, lines) if "loss" in record]


def weights(output):
    return {path.parent.name: path.read_bytes()
            for path in Path(output, "model").glob("*/*.safetensors")}


class PretrainingTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        cls.whole = cls.scratch / "1"
        code, text = pretrain(1, cls.whole)
        assert code == 0, text

    def test_the_losses_are_the_same_on_three_ranks(self):
        output = self.scratch / "3"
        code, text = pretrain(3, output)
        self.assertEqual(code, 0, text)
        self.assertEqual(len(losses(output)), 4)
        for actual, expected in zip(losses(output), losses(self.whole), strict=True):
            self.assertLessEqual(abs(actual - expected), 1e-4 * expected)

    def test_a_run_that_goes_on_ends_with_the_same_bits(self):
        output = self.scratch / "stopped"
        shutil.copytree(self.whole, output)
        expected = weights(output)
        self.assertEqual(set(expected), {"unet", "vae", "text_encoder"})
        # The model of the end before stays where it is, and is replaced.
        (output / "model/unet/diffusion_pytorch_model.safetensors").write_bytes(b"old")
        shutil.rmtree(output / "checkpoints/denoiser/step-00000004")
        code, text = pretrain(1, output)
        self.assertEqual(code, 0, text)
        self.assertTrue(weights(output) == expected)

    def test_other_settings_and_too_many_ranks_are_refused(self):
        output = self.scratch / "other"
        shutil.copytree(self.whole, output)
        for ranks, arguments, message in (
                (2, ("--seed", "2"), "expected a run with the same settings"),
                (2, ("--denoiser-batch", "1"), "--denoiser-batch: expected 2"),
                (2, ("--output", "README.md/x"), "found the file README.md in it")):
            with self.subTest(message):
                code, text = pretrain(ranks, output, *arguments)
                self.assertEqual(code, 2, text)
                self.assertEqual(text.count(message), 1, text)
