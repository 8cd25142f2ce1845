"""Prompts from several files, found by an index, and files that change."""

import json
import subprocess
import time
import unittest

import runs

PROMPTS = runs.ROOT / "Sources/Scenes/Resources/prompts"


def lines(name):
    return (PROMPTS / name).read_text().splitlines()


class PromptTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        a, b, c = cls.files = [cls.scratch / name for name in ("a.jsonl", "b.csv", "c.json")]
        a.write_text("".join(
            json.dumps({"prompt": line, "negative_prompt": "a large black ring"}) + "\n"
            for line in lines("unseen.txt")))
        b.write_text("id,prompt\n" + "".join(
            f'{number},"{line}"\n' for number, line in enumerate(lines("unseen-pairs.txt"))))
        # Half of it is in the second file too.
        c.write_text(json.dumps(lines("unseen-pairs.txt")[:256] + lines("seen.txt")[:256]))
        cls.settings = {
            "data.prompts": f"[{{path: {a}, weight: 2}}, {b}, {c}]", "sampler.guidance": 2,
            "data.indexFolder": cls.scratch / "indexes", "evaluation.sets": "{}",
        }

    def run_to_its_end(self, name, ranks, **settings):
        run = runs.Run(
            ranks, {**self.settings, "run.output": self.scratch / name, **settings}, small=runs.TINY)
        return run.finish()

    def test_the_number_of_ranks_makes_no_difference(self):
        rewards = []
        for ranks in (None, 2, 3):
            run = self.run_to_its_end(f"ranks-{ranks}", ranks, **{"method.promptsPerEpoch": 3})
            rewards.append([step["rewardMean"] for step in runs.records(run.output, "step")])
        for one, other in zip(rewards[0] * 2, rewards[1] + rewards[2]):
            self.assertAlmostEqual(one, other, delta=1e-4)

    def test_a_large_file_is_read_once(self):
        large = self.scratch / "large.txt"
        large.write_text("".join(f"{line}\n" for line in lines("train.txt")[:20_000]))
        folder = self.scratch / "large-indexes"
        settings = {"data.prompts": large, "data.indexFolder": folder, "run.epochs": 1}
        said = "20000 prompts were read in "
        first = self.run_to_its_end("large-1", 2, **settings)
        self.assertEqual(first.text().count(said), 1, first.text())
        index, = folder.iterdir()
        second = self.run_to_its_end("large-2", 2, **settings)
        self.assertNotIn(said, second.text())
        # A bit of it flips: found, said, made anew.
        contents = bytearray(index.read_bytes())
        contents[len(contents) // 2] ^= 1
        index.write_bytes(contents)
        third = self.run_to_its_end("large-3", 2, **settings)
        self.assertEqual(third.text().count("is not as it was written"), 1, third.text())
        self.assertEqual(third.text().count(said), 1, third.text())
        states = [runs.final_state(run.output) for run in (first, second, third)]
        self.assertEqual(states[0], states[1])
        self.assertEqual(states[0], states[2])

    def test_a_file_that_changes_while_it_is_read_is_named(self):
        changing = self.scratch / "changing.txt"
        changing.write_text("".join(f"{line}\n" for line in lines("unseen.txt")))
        run = runs.Run(
            2, {
                "run.output": self.scratch / "changing", "run.epochs": 1000,
                "data.prompts": changing
            }, small=runs.TINY)
        while not runs.committed_steps(run.output) and run.process.poll() is None:
            time.sleep(0.05)
        with changing.open("r+") as file:
            file.write("".join(f"{line}\n" for line in lines("seen.txt")[:10]))
            file.truncate()
        self.assertEqual(run.wait(), 1, run.text())
        self.assertIn(
            f"{changing}: expected the file as it was when its prompts were counted", run.text())
        resumed = runs.Run(
            2, {
                "run.output": self.scratch / "changing", "run.epochs": 1000,
                "data.prompts": changing
            }, "--resume", "latest", small=runs.TINY)
        self.assertEqual(resumed.wait(), 2, resumed.text())
        self.assertIn("the prompt file of the run that saved it", resumed.text())

    def test_stat_counts_what_is_in_files(self):
        result = subprocess.run(
            [runs.PRDP, "prompts", "stat", *self.files, "--model", runs.MODEL, "--json", "-"],
            check=True, stdout=subprocess.PIPE)
        report = json.loads(result.stdout)
        self.assertEqual([file["promptCount"] for file in report["files"]], [512, 512, 256])
        self.assertEqual([file["duplicateCount"] for file in report["files"]], [0, 0, 256])
        self.assertEqual([file["negativeCount"] for file in report["files"]], [512, 0, 0])
        self.assertEqual([file["longCount"] for file in report["files"]], [0, 0, 0])
        self.assertLessEqual(report["lengths"]["most"], report["lengths"]["limit"])
