"""What a run shows of itself: TensorBoard's event files, and the page of `prdp report`."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import faults
import runs

# A Python with tensorboard, and a browser.
PYTHON = os.environ.get("TENSORBOARD_PYTHON", str(runs.ROOT / ".venv/bin/python"))
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")

# Looks at a page within a frame of a telephone's width, and says what is in it.
LOOKER = """<!DOCTYPE html><body><iframe src="%s" width="%d" height="3000" onload="look(this)">
</iframe><pre id="found"></pre><script>
function look(frame) {
  const page = frame.contentDocument;
  const box = (element) => element.getBoundingClientRect();
  document.getElementById("found").textContent = JSON.stringify({
    width: page.documentElement.scrollWidth,
    headings: [...page.querySelectorAll("h2")].map((heading) => heading.textContent),
    charts: [...page.querySelectorAll(".chart svg")].map((svg) => box(svg).width),
    lines: [...page.querySelectorAll(".line")].filter((line) => line.getTotalLength() > 0).length,
    pictures: [...page.querySelectorAll("img")].map((image) => image.naturalWidth),
    letters: Math.min(...[...page.querySelectorAll("svg text")].map((text) => box(text).height)),
    scripts: page.scripts.length});
}
</script>"""


def has_tensorboard():
    return Path(PYTHON).exists() and subprocess.run(
        [PYTHON, "-c", "import tensorboard"], capture_output=True).returncode == 0


class SeeingTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A run of two ranks that is killed after a checkpoint, and goes on."""
        cls.scratch = runs.scratch_folder(cls)
        settings = {
            "run.output": f"{cls.scratch}/run", "run.epochs": 5, "checkpoint.everyEpochs": 2,
            "logging.gridEveryEpochs": 1}
        run = runs.Run(2, settings)
        while run.step_count() < 7 and run.process.poll() is None:
            time.sleep(0.01)
        os.killpg(run.process.pid, signal.SIGKILL)
        run.wait()
        cls.killed_page = cls.report(f"{cls.scratch}/run", f"{cls.scratch}/killed.html")
        cls.whole = runs.Run(2, settings, "--resume", "latest").finish()
        cls.page = cls.report(cls.whole.output)

    @classmethod
    def report(cls, folder, output=None):
        """The page of a run, which says where it is."""
        words = [str(runs.PRDP), "report", folder, *(["--output", output] if output else [])]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == f"{output or folder + '/report.html'}\n", done
        return Path(done.stdout.strip()).read_text()

    @unittest.skipUnless(has_tensorboard(), f"{PYTHON} has no tensorboard")
    def test_tensorboard_shows_a_run_that_was_killed_and_went_on(self):
        folder = f"{self.whole.output}/tensorboard"
        self.assertEqual(len(list(Path(folder).iterdir())), 2)
        done = subprocess.run(
            [PYTHON, "scripts/golden/check_tensorboard.py", folder], cwd=runs.ROOT, text=True,
            stdout=subprocess.PIPE, timeout=120, check=True)
        seen = json.loads(done.stdout)
        steps = runs.records(self.whole.output, "step")
        self.assertEqual([record["step"] for record in steps], list(range(1, 11)))
        for source in ("events", "server"):
            scalars = seen[source]["scalars"]
            for tag, key in (
                    ("train/loss", "loss"), ("train/reward/mean", "rewardMean"),
                    ("kl/all_steps", "klAllSteps"), ("train/learning_rate", "learningRate")):
                with self.subTest(source=source, tag=tag):
                    self.assertEqual(
                        [step for step, _ in scalars[tag]], [record["step"] for record in steps])
                    for (_, value), record in zip(scalars[tag], steps):
                        # Scalars are float32.
                        self.assertAlmostEqual(value, record[key], delta=1e-6 * abs(record[key]))
            self.assertIn("time/sample", scalars)
            self.assertEqual(
                [step for step, _ in scalars["evaluation/unseen/reward"]], [0, 10])
            images = seen[source]["images"]["samples/unseen"]
            self.assertEqual([image[0] for image in images], [0, 2, 4, 6, 8, 10])
            self.assertTrue(all(image[-1] for image in images), images)
        for _, least, greatest, count in seen["events"]["histograms"]["train/log_ratio"]:
            # Prompts, images, and the steps that are trained on.
            self.assertEqual(count, 5 * 4 * 3)
            self.assertLessEqual(least, greatest)
        for tag in ("train/log_ratio", "train/log_ratio_to_reference"):
            self.assertEqual(
                [entry[0] for entry in seen["server"]["histograms"][tag]], list(range(1, 11)))

    def test_a_full_disk_for_event_files_is_said_once_and_changes_nothing(self):
        library = faults.compiled(self.scratch)
        settings = {"run.output": f"{self.scratch}/full", "run.epochs": 3}
        fault = faults.Fault(
            library, f"{settings['run.output']}/tensorboard", kind="ENOSPC", at=4)
        run = runs.Run(
            None, settings, small=runs.TINY, environment=fault.environment()).finish()
        self.assertEqual(run.text().count("No space left on device"), 1, run.text())
        self.assertEqual(run.text().count("TensorBoard does not see all of it"), 1, run.text())
        self.assertEqual(
            [record["step"] for record in runs.records(run.output, "step")], [1, 2, 3])

    def test_a_report_is_made_of_a_run_that_was_killed_and_of_one_that_is_done(self):
        self.assertIn("Not finished: stopped or at work after ", self.killed_page)
        self.assertIn("Finished: 5 epochs, 10 optimiser steps in ", self.page)
        self.assertIn(" on 2 ranks, restarted once.", self.page)
        self.assertIn("restart after step ", self.page)
        self.assertEqual(self.page, self.report(self.whole.output))

    def test_what_cannot_be_reported_on_is_named(self):
        folder = f"{self.scratch}/nothing"
        Path(folder).mkdir()
        for words, error in (
                ((folder,), f"{folder}: expected the folder of a run, with metrics.jsonl"),
                ((self.whole.output, "--output", "/nowhere/r.html"), "/nowhere/r.html: expected a")):
            done = subprocess.run(
                [str(runs.PRDP), "report", *words], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertTrue(done.stderr.startswith(f"error: {error}"), done.stderr)

    @unittest.skipUnless(BROWSER, "there is no chromium")
    def test_a_browser_shows_the_page_on_a_desk_and_on_a_telephone(self):
        for width in (1200, 390):
            with self.subTest(width=width):
                looker = self.scratch / f"look-{width}.html"
                looker.write_text(LOOKER % (f"file://{self.whole.output}/report.html", width))
                found = self.browse(looker)
                self.assertEqual(found["scripts"], 0)
                self.assertLessEqual(found["width"], width)
                self.assertEqual(
                    found["headings"],
                    ["Evaluation", "Training", "Samples", "Time", "Starts and faults"])
                self.assertGreaterEqual(len(found["charts"]), 8)
                self.assertGreaterEqual(found["lines"], 8)
                self.assertGreater(min(found["charts"]), 300)
                self.assertEqual(len(found["pictures"]), 6)
                self.assertGreater(min(found["pictures"]), 100)
                # Pixels; smaller is not read.
                self.assertGreaterEqual(found["letters"], 11)
        picture = self.scratch / "page.png"
        self.start_browser(
            "--window-size=1200,2400", f"--screenshot={picture}",
            f"file://{self.whole.output}/report.html")
        self.assertGreater(picture.stat().st_size, 20_000)

    def browse(self, page):
        """What the script of a page found in its frame."""
        text = self.start_browser(
            "--allow-file-access-from-files", "--dump-dom", f"file://{page}").stdout
        return json.loads(text.split('<pre id="found">')[1].split("</pre>")[0])

    def start_browser(self, *words):
        # As root it has no sandbox; a profile of its own leaves the user's alone.
        return subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu",
             f"--user-data-dir={self.scratch}/profile", *words],
            capture_output=True, text=True, timeout=60, check=True)
