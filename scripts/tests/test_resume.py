"""What --resume does with the runs that it can meet."""

import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

import runs


class ResumeTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        cls.finished = runs.Run(1, {"run.output": f"{cls.scratch}/finished"}).finish().output

    def copy(self, name):
        output = f"{self.scratch}/{name}"
        shutil.copytree(self.finished, output)
        return output

    def test_a_finished_run_is_only_said_to_be_finished(self):
        output = self.copy("said")
        files = {path: path.stat().st_mtime_ns for path in Path(output).rglob("*")}
        for ranks in (None, 2):
            run = runs.Run(ranks, {"run.output": output}, "--resume", "latest").finish()
            self.assertEqual(run.text().count("the run is finished: 3 epochs"), 1, run.text())
            left = {path: path.stat().st_mtime_ns for path in Path(output).rglob("*")}
            self.assertEqual(left, files)

    def test_more_epochs_take_a_finished_run_further(self):
        output = self.copy("further")
        runs.Run(1, {"run.output": output, "run.epochs": 5}, "--resume", "latest").finish()
        straight = f"{self.scratch}/straight"
        runs.Run(1, {"run.output": straight, "run.epochs": 5}).finish()
        self.assertEqual(
            [record["step"] for record in runs.records(output, "step")], list(range(1, 11)))
        self.assertEqual(
            [record["phase"] for record in runs.records(output, "evaluation")], ["before", "after"])
        self.assertTrue(runs.final_state(output) == runs.final_state(straight))
        self.assertEqual(json.loads(Path(output, "summary.json").read_text())["epochs"], 5)

    def test_a_path_goes_back_to_that_checkpoint(self):
        output = self.copy("back")
        kept = sorted(Path(output, "checkpoints").glob("step-*"))
        self.assertEqual([path.name for path in kept], ["step-00000004", "step-00000006"])
        runs.Run(1, {"run.output": output}, "--resume", str(kept[0])).finish()
        self.assertTrue(runs.final_state(output) == runs.final_state(self.finished))
        self.assertEqual(
            [record["step"] for record in runs.records(output, "step")], list(range(1, 7)))

    def test_another_number_of_ranks_goes_on_with_it(self):
        output = self.copy("ranks")
        for ranks, epochs in ((2, 4), (3, 5)):
            runs.Run(
                ranks, {"run.output": output, "run.epochs": epochs}, "--resume", "latest").finish()
        straight = f"{self.scratch}/one-rank"
        runs.Run(1, {"run.output": straight, "run.epochs": 5}).finish()
        pairs = zip(runs.records(output, "step"), runs.records(straight, "step"), strict=True)
        for step, other in pairs:
            self.assertLessEqual(
                abs(step["loss"] - other["loss"]), 1e-4 * abs(other["loss"]), step["step"])

    def test_what_each_rank_has_alone_is_saved_too(self):
        for name, own in (
                ("sharded", {"optimizer.sharded": "true"}),
                ("rounded", {"optimizer.gradientType": "bfloat16"})):
            with self.subTest(name):
                settings = {"run.output": f"{self.scratch}/{name}", "run.epochs": 2, **own}
                runs.Run(2, settings).finish()
                settings["run.epochs"] = 3
                run = runs.Run(2, settings, "--resume", "latest").finish()
                straight = {**settings, "run.output": f"{self.scratch}/{name}-straight"}
                runs.Run(2, straight).finish()
                found, expected = (
                    runs.final_state(folder) for folder in (run.output, straight["run.output"]))
                self.assertEqual(found.keys(), expected.keys())
                for file, contents in expected.items():
                    self.assertTrue(found[file] == contents, file)
                settings["run.epochs"] = 4
                run = runs.Run(1, settings, "--resume", "latest").finish()
                told = "what rounding gradients left out so far is left out for good"
                self.assertEqual(run.text().count(told), 1 if name == "rounded" else 0)

    def test_a_checkpoint_of_the_first_format_goes_on(self):
        output = Path(self.scratch, "first-format")
        (output / "checkpoints").mkdir(parents=True)
        fixture = runs.ROOT / "Tests/Fixtures/checkpoint-v1/step-00000004"
        shutil.copytree(fixture, output / "checkpoints" / fixture.name)
        settings = {
            "run.output": output, "run.epochs": 3, "model.path": "Sources/Scenes/Resources/tiny-diffusion",
            "model.lora.rank": 1, "model.lora.alpha": 1, "model.lora.targets": "[to_q]",
            "method.promptsPerEpoch": 3, "evaluation.sets": "{}", "evaluation.imagesPerSet": 512}
        run = runs.Run(1, settings, "--resume", "latest").finish()
        self.assertIn("the run goes on after epoch 2, step 4", run.text())
        self.assertEqual([record["step"] for record in runs.records(output, "step")], [5, 6])
        manifest = json.loads((output / "checkpoints/step-00000006/manifest.json").read_text())
        self.assertEqual(manifest["formatVersion"], 2)

    def test_a_checkpoint_is_proven_on_one_rank_and_on_two(self):
        output = self.copy("proven")
        newest = max(Path(output, "checkpoints").glob("step-*"))
        prove = [runs.PRDP, "checkpoint", "prove", newest, "--steps", "3"]
        for launcher in ([], ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", "2"]):
            done = subprocess.run(
                launcher + prove, cwd=runs.ROOT, capture_output=True, text=True, timeout=runs.LIMIT,
                env={
                    **os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1",
                    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"{newest}: 3 steps, twice: equal bit for bit", done.stdout)
        left = sorted(path.name for path in newest.parent.iterdir())
        self.assertEqual(left, ["latest", "step-00000004", "step-00000006"])

    def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(self):
        output = self.copy("damaged")
        newest = max(Path(output, "checkpoints").glob("step-*"))
        damaged = newest / "trained.safetensors"
        contents = bytearray(damaged.read_bytes())
        contents[len(contents) // 2] ^= 1
        damaged.write_bytes(contents)
        Path(output, "summary.json").unlink()
        run = runs.Run(1, {"run.output": output}, "--resume", "latest").finish()
        self.assertEqual(run.text().count(f"{damaged}: expected"), 1, run.text())
        self.assertTrue(runs.final_state(output) == runs.final_state(self.finished))
