"""What is said of a run before it begins: prdp plan, prdp bench and prdp doctor."""

import json
import os
import subprocess
import unittest
from pathlib import Path

import runs

COMPUTE = "sample=1,gradient=2,forward=0.5,update=0.1"

# Reaches no machine: runs the command here as if it were there. What a host is depends on its name.
SSH = """#!/bin/sh
while [ "$1" = -o ]; do shift 2; done
echo "$1" >> "$CALLS"
case $1 in
  away) echo "ssh: connect to host away port 22: No route to host" >&2; exit 255 ;;
  slow) exec sleep 60 ;;
  empty) exec sh -c "cd / && exec /nowhere/prdp doctor-host" ;;
esac
echo "Welcome to $1"
exec sh -c "$2"
"""


def prdp(*arguments, ranks=None, environment=None):
    """Runs a command to its end; returns the exit code and all that it said."""
    command = [str(runs.PRDP), *map(str, arguments)]
    if ranks is not None:
        command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(ranks), *command]
    end = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, cwd=runs.ROOT, timeout=runs.LIMIT,
        env={
            **os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            **(environment or {})})
    return end.returncode, end.stdout


class BenchTests(unittest.TestCase):
    def test_the_phases_of_an_epoch_are_measured_on_all_ranks(self):
        code, text = prdp(
            "bench", "--epochs", 1, "--json", "-", "--model", "embedded",
            "--set", "method.promptsPerEpoch=2", "--set", "method.imagesPerPrompt=2",
            "--set", "run.output=/nowhere", ranks=2)
        self.assertEqual(code, 0, text)
        report = json.loads(text)
        self.assertEqual(report["rankCount"], 2)
        phases = {phase["name"]: phase for phase in report["phases"]}
        for name in ("encode", "sample", "decode", "reference", "gradient"):
            self.assertGreater(phases[name]["seconds"], 0)
            self.assertGreater(phases[name]["arithmeticCount"], 0)
        self.assertAlmostEqual(report["imagesPerSecond"] * report["epochSeconds"], 4)
        # Four images in five steps each; of a pass, convolutions, linear layers and attention as
        # hooks on those of diffusers 0.42.1 count them.
        self.assertEqual(
            phases["reference"]["arithmeticCount"], 20 * (70_262_784 + 22_496_256 + 4_325_376))

    def test_named_models_bring_settings_that_hold(self):
        for model in ("sd-1.5", "sdxl"):
            code, text = prdp("bench", "--model", model, "--set", "sampler.steps=0")
            self.assertEqual(code, 2, text)
            self.assertEqual(
                text.strip(), "error: --set: sampler.steps must be an integer from 1 to 1000, got 0")

    def test_what_cannot_be_measured_is_said(self):
        code, text = prdp("bench", "--model", "nowhere")
        self.assertEqual(code, 2, text)
        self.assertIn("nowhere: no such model folder", text)


class PlanTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)

    def plan(self, *arguments, ranks=None):
        """The figures of a plan."""
        path = self.scratch / "plan.json"
        code, text = prdp("plan", *arguments, "--json", path, ranks=ranks)
        self.assertEqual(code, 0, text)
        return json.loads(path.read_text())

    def test_the_table_has_8_to_1024_ranks(self):
        code, text = prdp("plan", "--set", "method.promptsPerEpoch=100")
        self.assertEqual(code, 0, text)
        first = [line.split()[0] for line in text.splitlines()[-8:]]
        self.assertEqual(first, ["8", "16", "32", "64", "128", "256", "512", "1024"])
        self.assertIn("128     64  more ranks than prompts", text)
        self.assertIn("compute   not known", text)

    def test_a_checkpoint_takes_what_is_planned(self):
        output = self.scratch / "run"
        runs.Run(1, {"run.output": output, "evaluation.sets": "{}"}).finish()
        arguments = [
            word for key, value in runs.SMALL.items() for word in ("--set", f"{key}={value}")]
        planned = self.plan(*arguments)["rows"][0]["disk"]["checkpointByteCount"]
        tensors = sum(map(len, runs.final_state(output).values()))
        # Headers, which name every tensor, and AdamW's counters are not planned.
        self.assertGreater(tensors, planned)
        self.assertLess(tensors, 1.2 * planned)
        compute = self.plan("--from", output)["plan"]["compute"]
        self.assertGreater(compute["gradientPerPrompt"], 0)
        self.assertGreater(compute["forwardPerPrompt"], 0)

    def test_computation_is_measured_on_all_ranks_at_once(self):
        settings = ("--set", "method.imagesPerPrompt=2", "--set", "method.microBatch=2")
        plan = self.plan("--measure", *settings, ranks=2)
        self.assertGreater(plan["plan"]["compute"]["gradientPerPrompt"], 0)
        self.assertGreater(plan["plan"]["activationByteCount"], 0)
        names = [part["name"] for part in plan["rows"][0]["memory"]]
        self.assertIn("activations", names)

    def test_the_network_that_was_measured_is_what_is_planned_with(self):
        path = self.scratch / "network.json"
        code, text = prdp(
            "bench", "network", "--largest", "1", "--seconds", "0.1", "--json", path, ranks=2)
        self.assertEqual(code, 0, text)
        self.assertIn("2 ranks on 1 host", text)
        measured = json.loads(path.read_text())
        plan = self.plan("--network", path, "--compute-seconds", COMPUTE, "--ranks", "1,2")
        self.assertEqual(plan["plan"]["network"]["bandwidth"], measured["pairs"][0]["bandwidth"])
        self.assertGreater(plan["rows"][1]["seconds"]["communicate"], 0)

    def test_an_epoch_is_rehearsed(self):
        code, text = prdp(
            "bench", "epoch", "--compute-seconds", "sample=0.05,gradient=0.1,forward=0.02,update=0",
            "--epochs", "1", "--json", "-", ranks=2)
        self.assertEqual(code, 0, text)
        # 8 prompts of each of 2 ranks.
        seconds = json.loads(text.splitlines()[-1])["seconds"]
        self.assertGreater(seconds, 8 * 0.15)
        self.assertLess(seconds, 8 * 0.15 + 2)

    def test_a_mistake_is_said_once(self):
        nothing = self.scratch / "nothing"
        for arguments, message in [
                (("plan", "--ranks", "8,0"), "8,0"),
                (("plan", "--measure", "--from", "runs"), "take one of --measure, --from"),
                (("plan", "--bandwidth", "10"), "--bandwidth and --latency belong together"),
                (("plan", "--compute-seconds", "sample=1"), "sample=1"),
                (("plan", "--network", nothing), f"{nothing}: expected the figures of a network"),
                (("plan", "--from", nothing), f"{nothing}/metrics.jsonl: expected"),
                (("plan", "--set", f"model.path={nothing}"), "no such model folder"),
                (("bench", "network"), "between 2 ranks or more, found 1"),
                (("bench", "epoch", "--compute-seconds", "sample=1"), "sample=1"),
                (("doctor", "--set", "cluster.hosts=[{name: '-x'}]"), "cluster.hosts"),
                (("doctor", "--timeout", "0"), "--timeout must be above 0"),
        ]:
            with self.subTest(command=" ".join(map(str, arguments))):
                code, text = prdp(*arguments)
                self.assertEqual(code, 2, text)
                self.assertIn(message, text)
                self.assertEqual(text.lower().count("error:"), 1, text)


class DoctorTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        programs = cls.scratch / "programs"
        programs.mkdir()
        path = programs / "ssh"
        path.write_text(SSH)
        path.chmod(0o755)
        cls.calls = cls.scratch / "calls"
        cls.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}", "CALLS": str(cls.calls)}

    def doctor(self, hosts, *arguments, name="run"):
        """Looks at hosts; returns the exit code, the findings and all that was said."""
        output, path = self.scratch / name, self.scratch / "findings.json"
        settings = ["--set", f"run.output={output}", "--json", path]
        if hosts:
            places = ", ".join(f"{{name: {host}, slots: 1}}" for host in hosts)
            settings += ["--set", f"cluster.hosts=[{places}]"]
        code, text = prdp("doctor", *settings, *arguments, environment=self.environment)
        # What was written there is gone.
        self.assertEqual(list(output.iterdir()), [], text)
        return code, json.loads(path.read_text()), text

    def test_this_machine_alone_is_well(self):
        code, findings, text = self.doctor([])
        self.assertEqual(code, 0, text)
        self.assertEqual({finding["grade"] for finding in findings}, {"ok"}, text)
        self.assertEqual(
            [finding["subject"] for finding in findings],
            ["devices", "memory", "folder", "disk", "network", "network"])

    def test_a_host_that_is_this_machine_is_the_same_and_shares_its_folder(self):
        # Of which every shell makes two words, or a command.
        name = "it's $(touch canary) a run"
        code, findings, text = self.doctor(["twin"], name=name)
        self.assertEqual(code, 0, text)
        subjects = {finding["subject"]: finding for finding in findings}
        self.assertEqual(
            set(subjects), {
                "ssh", "prdp", "libtorch", "clock", "devices", "memory", "folder", "disk",
                "sharing"})
        self.assertEqual({finding["grade"] for finding in findings}, {"ok"}, text)
        self.assertEqual(self.calls.read_text().split()[-2:], ["twin", "twin"])
        self.assertFalse(Path(runs.ROOT, "canary").exists())

    def test_hosts_that_do_not_answer_are_named_with_the_reason(self):
        code, findings, text = self.doctor(
            ["localhost", "twin", "away", "slow", "empty"], "--timeout", "8")
        self.assertEqual(code, 1, text)
        failed = {
            finding["host"]: finding["found"] for finding in findings
            if finding["grade"] == "fail"}
        self.assertEqual(set(failed), {"away", "slow", "empty"}, text)
        self.assertEqual(
            failed["away"], "ssh: connect to host away port 22: No route to host")
        self.assertIn("no answer in 8.", failed["slow"])
        self.assertIn("/nowhere/prdp", failed["empty"])
        self.assertIn("not measured, as other checks failed", text)
        self.assertIn("5 hosts:", text)
        # Nobody can be asked to let ssh into the machine that they sit at.
        self.assertNotIn("localhost", self.calls.read_text())
        self.assertRegex(text, "ok +localhost +ssh +is this machine")

    def test_a_folder_that_cannot_be_written_to_fails(self):
        path = self.scratch / "file"
        path.write_text("")
        code, text = prdp("doctor", "--set", f"run.output={path}/run")
        self.assertEqual(code, 1, text)
        self.assertRegex(text, "fail +here +folder +.*expected a folder")
