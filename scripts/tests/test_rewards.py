"""Rewards that a program gives: what they cost, and what happens when they fail."""

import base64
import contextlib
import hashlib
import http.server
import json
import os
import signal
import statistics
import subprocess
import threading
import time
import unittest
from pathlib import Path

import runs

PROGRAM = Path(__file__).with_name("reward_program.py")

# Two epochs of 8 prompts with 4 images each.
SETTINGS = {
    "run.epochs": 2, "method.promptsPerEpoch": 8, "evaluation.sets": "{}", "logging.sampleImages": 0}


def asking(log, *modes, **settings):
    """The setting of a reward that is the program's, with `settings` of its kind."""
    program = ", ".join(f'"{word}"' for word in ("python3", PROGRAM, log, *modes))
    more = "".join(f", {key}: {value}" for key, value in settings.items())
    return {"rewards": f"[{{name: pick, kind: command, program: [{program}]{more}}}]"}


def asked(log):
    """The images that the program was asked about, in the order of asking."""
    return [line.split()[1] for line in Path(log).read_text().splitlines()]


def program_ids(log):
    """The processes that answered."""
    return {int(line.split()[0]) for line in Path(log).read_text().splitlines()}


def is_running(number):
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{number}/stat").read_text()
    return False


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come about")
        time.sleep(0.02)


class Service(http.server.ThreadingHTTPServer):
    """Scores as the program does, but for four requests that it answers badly, each in its way."""

    daemon_threads = True
    FAULTS = {3: "stall", 6: "status", 9: "garbage", 12: "no number"}

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.request_count, self.answered = threading.Lock(), 0, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def fault(self):
        """How the next request is answered badly; None where it is not."""
        with self.lock:
            self.request_count += 1
            return self.FAULTS.get(self.request_count)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        hashes = [hashlib.sha256(base64.b64decode(image)).hexdigest() for image in request["images"]]
        scores = [int(hash[:8], 16) / 2**32 for hash in hashes]
        fault, status = self.server.fault(), 200
        if fault == "stall":
            time.sleep(30)
        if fault == "status":
            status = 500
        if fault == "no number":
            scores[0] = float("nan")
        body = "Downloading: 5 %" if fault == "garbage" else json.dumps({"scores": scores})
        if fault is None:
            with self.server.lock:
                self.server.answered += hashes
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())


class ServiceTests(unittest.TestCase):
    def test_what_a_service_answers_badly_is_asked_again_until_it_does_well(self):
        scratch = runs.scratch_folder(type(self))
        service = Service()
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        url = f"http://127.0.0.1:{service.server_address[1]}/score"
        # On a busy machine this process may itself answer nothing for some seconds.
        reward = f'[{{name: pick, kind: http, urls: ["{url}"], parallel: 2, timeout: 10}}]'
        run = runs.Run(2, {**SETTINGS, "run.output": f"{scratch}/http", "rewards": reward}).finish()
        self.assertNotIn("have no score", run.text())
        # One request for the images of each prompt, and another for each fault.
        self.assertEqual(service.request_count, 16 + len(Service.FAULTS))
        self.assertEqual((len(service.answered), len(set(service.answered))), (64, 64))
        program = runs.Run(
            2, {**SETTINGS, "run.output": f"{scratch}/program", **asking(f"{scratch}/program.log")})
        self.assertTrue(
            runs.final_state(run.output) == runs.final_state(program.finish().output))


class CommandTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)

    def run_of(self, name, log, *modes, ranks=1, arguments=(), more=(), **settings):
        return runs.Run(
            ranks,
            {**SETTINGS, "run.output": f"{self.scratch}/{name}", **asking(log, *modes, **settings),
             **dict(more)}, *arguments)

    def test_what_was_paid_for_is_not_asked_for_again_after_a_kill(self):
        for ranks in (1, 2):
            with self.subTest(ranks=ranks):
                straight_log = f"{self.scratch}/straight-{ranks}.log"
                straight = self.run_of(f"straight-{ranks}", straight_log, ranks=ranks).finish()
                images = asked(straight_log)
                self.assertEqual(len(images), 64)
                log = f"{self.scratch}/killed-{ranks}.log"
                killed = self.run_of(
                    f"killed-{ranks}", log, "sleep", "0.05", ranks=ranks, batchSize=2)
                # In the midst of the second epoch.
                wait_until(lambda: Path(log).exists() and len(asked(log)) >= 48)
                victim = killed.rank_ids()[-1]
                os.kill(victim, signal.SIGKILL)
                self.assertNotEqual(killed.wait(), 0)
                programs = program_ids(log)
                wait_until(lambda: not any(map(is_running, programs)), 10)
                self.assertLess(len(asked(log)), 64)

                again = self.run_of(
                    f"killed-{ranks}", log, "sleep", "0.05", ranks=ranks, batchSize=2,
                    arguments=("--resume", "latest")).finish()
                self.assertRegex(again.text(), r"the ledger holds \d+ scores")
                # Each image of the run was asked about, and twice only what was on its way: one
                # request of two images for each rank.
                self.assertEqual(set(asked(log)), set(images))
                self.assertLessEqual(len(asked(log)), 64 + 2 * ranks)
                self.assertTrue(
                    runs.final_state(killed.output) == runs.final_state(straight.output))

    def test_programs_end_with_the_run_whatever_ends_it(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(number.name):
                log = f"{self.scratch}/{number.name}.log"
                run = self.run_of(number.name, log, "sleep", "0.2", ranks=None, parallel=3)
                wait_until(lambda: Path(log).exists() and len(program_ids(log)) >= 2)
                run.process.send_signal(number)
                self.assertEqual(run.wait(), 85 if number == signal.SIGTERM else -9)
                wait_until(lambda: not any(map(is_running, program_ids(log))), 10)

    def test_a_stopped_run_goes_on_to_the_same_bits(self):
        log = f"{self.scratch}/stopped.log"
        stopped = self.run_of("stopped", log, "sleep", "0.1", ranks=2)
        wait_until(lambda: Path(log).exists() and len(asked(log)) >= 12)
        for number in stopped.rank_ids():
            os.kill(number, signal.SIGUSR1)
        self.assertEqual(stopped.wait(), 85, stopped.text())
        self.run_of(
            "stopped", log, "sleep", "0.1", ranks=2, arguments=("--resume", "latest")).finish()
        # Without a kill nothing was on its way.
        self.assertEqual(len(asked(log)), 64)
        straight = self.run_of("not-stopped", f"{self.scratch}/not-stopped.log", ranks=2).finish()
        self.assertTrue(runs.final_state(stopped.output) == runs.final_state(straight.output))

    def test_too_many_missing_scores_stop_the_run_which_goes_on_when_they_are_there(self):
        log, lack = f"{self.scratch}/lack.log", Path(self.scratch, "lack.flag")
        lack.touch()
        run = self.run_of("lack", log, "lack", lack, ranks=2)
        self.assertEqual(run.wait(), 1)
        self.assertRegex(
            run.text(),
            r"of 32 images of epoch 1 have no score; rank 0: pick: it gave no score, and \d+ more; "
            r"rank 1: pick: .*; scoring.maxMissingFraction allows 0.1 of them")
        self.assertEqual(runs.committed_steps(run.output), [0])
        lack.unlink()
        paid = len(asked(log)) // 2
        self.run_of(
            "lack", log, "lack", lack, ranks=2, arguments=("--resume", "latest")).finish()
        # Half of what was asked was answered, and is not asked again.
        self.assertEqual(len(asked(log)), 2 * paid + 64 - paid)
        straight = self.run_of("no-lack", f"{self.scratch}/no-lack.log", ranks=2).finish()
        self.assertTrue(runs.final_state(run.output) == runs.final_state(straight.output))

    def test_a_reward_that_stalls_makes_no_rank_count_as_stuck(self):
        log, stall = f"{self.scratch}/stall.log", Path(self.scratch, "stall.flag")
        stall.touch()
        # The images of a prompt on rank 1 take four requests of four seconds, and more for pauses.
        run = self.run_of(
            "stall", log, "stall", stall, ranks=2, batchSize=1, timeout=2, startTimeout=0, retries=1,
            more={"cluster.stallLimit": 10, "method.promptsPerEpoch": 2, "run.epochs": 1,
                  "scoring.maxMissingFraction": 0.9}).finish()
        self.assertIn("rank 1: pick: the program gave no answer within 2 s", run.text())
        self.assertGreater(run.seconds, 16)

    def test_scores_that_are_missing_within_the_limit_are_left_out(self):
        log, lack = f"{self.scratch}/some.log", Path(self.scratch, "some.flag")
        lack.touch()
        run = self.run_of(
            "some", log, "lack", lack, ranks=2, more={"scoring.maxMissingFraction": 0.6}).finish()
        self.assertIn("16 of 32 images of epoch 1 have no score", run.text())
        steps = runs.records(run.output, "step")
        self.assertEqual([step["missingScores"] for step in steps], [16] * 4)
        for step in steps:
            self.assertEqual(step["components"].keys(), {"pick"})
            self.assertAlmostEqual(step["components"]["pick"], step["rewardMean"], places=12)

    def test_a_program_that_dies_each_time_ends_the_run_with_a_checkpoint_and_its_last_words(self):
        log, die = f"{self.scratch}/die.log", Path(self.scratch, "die.flag")
        die.touch()
        run = self.run_of(
            "die", log, "die", die, ranks=2, retries=1, more={"scoring.maxMissingFraction": 0.9})
        self.assertEqual(run.wait(), 1, run.text())
        self.assertRegex(
            run.text(),
            r"of 32 images of epoch 1 have no score; rank 0: pick: the program ended with status 7; "
            r"its last words: the model is gone, and \d+ more; rank 1: .*; "
            r"scoring.maxMissingFraction allows 0.9 of them")
        self.assertIn("reward pick: the model is gone\n", run.text())
        self.assertEqual(runs.committed_steps(run.output), [0])
        # Four requests of a prompt on each rank, each tried twice.
        self.assertLessEqual(len(asked(log)), 2 * 4 * 2 * 4)
        die.unlink()
        self.run_of(
            "die", log, "die", die, ranks=2, retries=1, arguments=("--resume", "latest")).finish()

    def test_a_run_goes_on_without_a_program_that_dies_where_it_may(self):
        log, die = f"{self.scratch}/go-on.log", Path(self.scratch, "go-on.flag")
        # One image in six has a score before the program dies for good.
        wanted = {
            "method.promptsPerEpoch": 24, "scoring.maxMissingFraction": 0.9,
            "scoring.parallelPrompts": 1, "run.epochs": 1}
        run = self.run_of("go-on", log, "die", die, "sleep", "0.1", retries=0, more=wanted)
        wait_until(lambda: Path(log).exists() and len(asked(log)) >= 16)
        die.touch()
        run.finish()
        self.assertRegex(run.text(), r"\d+ of 96 images of epoch 1 have no score; pick: the program")
        # Its scores before, four requests that failed, and nothing after them.
        self.assertLess(len(asked(log)), 96)

    def test_a_program_that_is_not_there_is_refused(self):
        run = runs.Run(
            2, {**SETTINGS, "run.output": f"{self.scratch}/none",
                "rewards": "[{name: command, program: [no-such-program]}]"})
        self.assertEqual(run.wait(), 2)
        self.assertEqual(
            run.text().count("reward command expects a program that can be run, got 'no-such-program'"),
            1, run.text())

    def check(self, log, *modes, arguments=(), **settings):
        """Runs `prdp reward check`; returns its exit status and what it says."""
        setting = asking(log, *modes, **settings)["rewards"]
        end = subprocess.run(
            [runs.PRDP, "reward", "check", "--set", f"rewards={setting}", *arguments],
            cwd=runs.ROOT, capture_output=True, text=True, timeout=runs.LIMIT)
        return end.returncode, end.stdout + end.stderr

    def test_a_reward_can_be_tried(self):
        log = f"{self.scratch}/check.log"
        status, text = self.check(log, batchSize=3)
        self.assertEqual(status, 0, text)
        self.assertEqual(len(asked(log)), 16)
        self.assertIn("pick: kind command, weight 1\n", text)
        scores = [line.split()[0] for line in text.splitlines() if " a " in line]
        self.assertEqual(len(scores), 8, text)
        for hash, score in zip(asked(log), scores, strict=False):
            self.assertAlmostEqual(float(score), int(hash[:8], 16) / 2**32, places=5)
        self.assertRegex(text, r"first answer after \d.\d+ s, then .* images/s")
        self.assertNotIn("mistake", text)
        grid = runs.ROOT / "Sources/Scenes/Resources/samples/packaged.png"
        status, text = self.check(log, arguments=("--images", grid, "--prompt", "a sheep"))
        self.assertEqual((status, text.count(f"{grid}: a sheep")), (0, 1), text)

    def test_held_out_rewards_are_tried_too(self):
        held_out = "evaluation.rewards=[{name: scene-correct}, {name: pick, kind: scene-alignment}]"
        status, text = self.check(
            f"{self.scratch}/check-held-out.log", arguments=("--set", held_out, "--count", "2"))
        self.assertEqual(status, 0, text)
        heads = [line for line in text.splitlines() if ": kind " in line]
        # The other one is what is trained on, as far as this call is concerned.
        self.assertEqual(
            heads, ["pick: kind command, weight 1", "scene-correct: kind scene-correct, held out"])

    def test_every_mistake_of_a_reward_that_is_tried_is_said(self):
        log, die = f"{self.scratch}/check-die.log", Path(self.scratch, "check-die")
        die.touch()
        status, text = self.check(log, "die", die, batchSize=4)
        self.assertEqual(status, 1)
        self.assertIn(
            "mistake: the program ended with status 7; its last words: the model is gone", text)
        # Nothing is tried again, so each request fails once, and none is left out.
        self.assertEqual(len(asked(log)), 16)
        log = f"{self.scratch}/check-die-often.log"
        status, text = self.check(log, "die", die, batchSize=1)
        self.assertEqual((status, text.count("mistake: ")), (1, 1), text)
        self.assertEqual(len(asked(log)), 16)
        status, text = self.check(f"{self.scratch}/check-lack.log", "lack", die)
        self.assertEqual(status, 0, text)
        self.assertIn("missing, 4 times: it gave no score", text)
        status, text = self.check(log, arguments=("--images", self.scratch, "--prompt", "a"))
        self.assertEqual((status, text.count("expected a regular file, found a folder")), (2, 1), text)

    def test_an_epoch_takes_the_longer_of_sampling_and_scoring(self):
        settings = {
            "run.epochs": 3, "method.promptsPerEpoch": 16, "sampler.steps": 25,
            "method.innerSteps": 1, "method.microBatch": 32}
        log = f"{self.scratch}/overlap.log"
        alone = self.run_of("alone", log, more=settings).finish()
        # Of the first epoch the reference is left out, which is the policy itself.
        drawing_alone = statistics.median(
            step["seconds"]["sample"] + step["seconds"]["reference"]
            for step in runs.records(alone.output, "step") if step["inner"] == 1 and step["epoch"] > 1)
        beside = self.run_of(
            "beside", log, "sleep", f"{drawing_alone / 16:.4f}", more={
                **settings, "scoring.parallelPrompts": 1, "scoring.ledger": "false"}).finish()
        ratios = []
        for step in runs.records(beside.output, "step"):
            seconds = step["seconds"]
            if step["inner"] == 1 and step["epoch"] > 1:
                drawing = seconds["sample"] + seconds["reference"]
                ratios.append(
                    (drawing + seconds["reward"]) / max(drawing_alone, seconds["scoring"]))
                print(
                    f"\n  sampling {drawing_alone:.2f} s, scoring {seconds['scoring']:.2f} s, "
                    f"both {drawing + seconds['reward']:.2f} s: {ratios[-1]:.3f}", end="")
        self.assertLessEqual(statistics.median(ratios), 1.15)


if __name__ == "__main__":
    unittest.main()
