"""The jobs for SLURM and PBS, with a scheduler and a prdp that only write down what they are told."""

import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

import runs

# Ends with 85 when it is told to stop, as a run that has saved.
PRDP = """#!/bin/bash
trap 'echo stopped >> "$LOG"; exit 85' USR1
printf '%s\\n' "$@" > "$LOG"
for i in {1..100}; do sleep 0.1; done
"""


class SchedulerTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = runs.scratch_folder(cls)
        cls.write("prdp", PRDP)
        cls.write("scontrol", """#!/bin/bash
            if [[ $1 == show ]]; then printf 'n1\\nn2\\nn3\\n'; else echo "$@" >> "$SCHEDULER"; fi""")
        cls.write("qsub", """#!/bin/bash
            echo "$@" with "$ARGUMENTS" >> "$SCHEDULER" """)
        # Long attributes go on in the next line.
        cls.write("qstat", """#!/bin/bash
            printf 'Job Id: 5\\n    Account_Name = physics\\n    Resource_List.select = 2:mpip\\n'
            printf '\\trocs=2\\n    Resource_List.walltime = 08:09:10\\n'""")

    @classmethod
    def write(cls, name, text):
        path = cls.scratch / name
        path.write_text(text)
        path.chmod(0o755)

    def job(self, script, *arguments, **environment):
        """Starts a job, stops it, and returns what prdp and the scheduler were told."""
        log, scheduler = (self.scratch / f"{script}.{name}" for name in ("log", "scheduler"))
        for path in (log, scheduler):
            path.unlink(missing_ok=True)
        process = subprocess.Popen(
            ["bash", runs.ROOT / "scripts" / script, *arguments], cwd="/",
            env={
                **os.environ, "PATH": f"{self.scratch}:{os.environ['PATH']}",
                "PRDP": str(self.scratch / "prdp"), "LOG": str(log), "SCHEDULER": str(scheduler),
                **environment})
        end = time.monotonic() + 10
        while not log.exists() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1)
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.wait(20), 85)
        return log.read_text().splitlines(), scheduler.read_text()

    def test_a_slurm_job_names_its_nodes_and_is_queued_again(self):
        told, scheduler = self.job(
            "train.sbatch", "--set", "run.seed=2", "--resume", "never",
            SLURM_SUBMIT_DIR=str(runs.ROOT), SLURM_JOB_NODELIST="n[1-3]",
            SLURM_TASKS_PER_NODE="8(x2),4", SLURM_JOB_ID="77")
        self.assertEqual(told, [
            "launch", "--set", "run.seed=2", "--set",
            'cluster.hosts=[{name: "n1", slots: 8}, {name: "n2", slots: 8}, {name: "n3", slots: 4}]',
            "--set", "cluster.gracePeriod=240", "--", "train", "--resume", "never", "stopped"])
        self.assertEqual(scheduler, "requeue 77\n")

    def test_a_slurm_job_that_is_queued_again_goes_on_from_the_newest_checkpoint(self):
        for resume in (["--resume", "never"], ["--resume=runs/a b"]):
            with self.subTest(resume=resume):
                told, _ = self.job(
                    "train.sbatch", *resume, "--set", "run.seed=2", "--quiet",
                    SLURM_SUBMIT_DIR=str(runs.ROOT), SLURM_JOB_NODELIST="n1",
                    SLURM_TASKS_PER_NODE="8", SLURM_JOB_ID="77", SLURM_RESTART_COUNT="1")
                self.assertEqual(told[1:3], ["--set", "run.seed=2"])
                self.assertEqual(told[-4:], ["--", "train", "--quiet", "stopped"])

    def test_a_pbs_job_has_a_time_limit_and_is_submitted_again(self):
        nodes = self.scratch / "nodes"
        nodes.write_text("n2\nn2\nn1\nn1\n")
        told, scheduler = self.job(
            "train.pbs", PBS_O_WORKDIR=str(runs.ROOT), PBS_NODEFILE=str(nodes), PBS_JOBID="5",
            PBS_QUEUE="long", ARGUMENTS="--set run.seed=2 --resume never")
        self.assertEqual(told, [
            "launch", "--set", "run.seed=2", "--set",
            'cluster.hosts=[{name: "n2", slots: 2}, {name: "n1", slots: 2}]', "--set",
            f"cluster.timeLimit={8 * 3600 + 9 * 60 + 10 - 300}", "--", "train", "--resume",
            "never", "stopped"])
        # The second job takes the newest checkpoint.
        self.assertEqual(
            scheduler, "-V -q long -l select=2:mpiprocs=2 -l walltime=08:09:10 -A physics "
            "scripts/train.pbs with --set run.seed=2\n")
