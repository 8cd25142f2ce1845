"""Runs of prdp, started as a person starts them, and what they leave behind."""

import contextlib
import ctypes
import json
import os
import signal
import struct
import subprocess
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRDP = Path(os.environ.get("PRDP", ROOT / ".build/debug/prdp")).resolve()
MODEL = Path(
    os.environ.get("PRDP_TEST_MODEL", ROOT / "Sources/Scenes/Resources/tiny-diffusion")
).resolve()

# Loaded here: a new process only calls it.
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

# Seconds within which any of these runs ends; they take some seconds each.
LIMIT = 180

# What changes in cluster.yaml to make a run small. N is divided by none of 2, 3 and 4 ranks, and
# the batches of an evaluation neither, so that shares are uneven.
SMALL = {
    "run.epochs": 3,
    "cluster.threadsPerRank": 1,
    "model.path": MODEL,
    "method.promptsPerEpoch": 5,
    "method.imagesPerPrompt": 4,
    "method.innerSteps": 2,
    "method.microBatch": 4,
    "method.omitLastSteps": 1,
    "sampler.steps": 4,
    "sampler.batchSize": 2,
    "evaluation.sets": "{unseen: Sources/Scenes/Resources/prompts/unseen.txt}",
    "evaluation.imagesPerSet": 9,
    "checkpoint.everyEpochs": 1,
    "logging.progress": "plain",
    "logging.sampleImages": 4,
}

# Whether all moments of a kill or a stop are tried, or some.
IS_THOROUGH = os.environ.get("THOROUGH") == "yes"

# A run of which only the course matters: one step an epoch, some tenths of a second long, and a
# checkpoint of few tensors after each.
TINY = {
    **SMALL,
    "model.lora.targets": "[mid_block.attentions.0.transformer_blocks.0.attn1.to_q]",
    "data.prompts": "Sources/Scenes/Resources/prompts/unseen.txt",
    "method.promptsPerEpoch": 2,
    "method.imagesPerPrompt": 2,
    "method.innerSteps": 1,
    "method.omitLastSteps": 0,
    "sampler.steps": 2,
    "evaluation.sets": "{}",
    "logging.sampleImages": 0,
}


class Run:
    """A run of `prdp train` in a process group of its own; `ranks` is None for no mpirun.

    `within` are words to put before the command, `environment` variables to set, and `limit` the
    seconds within which it ends.
    """

    def __init__(
            self, ranks, settings, *arguments, config="cluster.yaml", command="train", small=SMALL,
            program=PRDP, within=(), environment=None, limit=LIMIT):
        self.output = str(settings.get("run.output", ""))
        self.limit = limit
        self.log = tempfile.TemporaryFile()
        command = [str(program), command, "--config", str(config), *arguments]
        for key, value in {**small, **settings}.items():
            command += ["--set", f"{key}={value}"]
        if ranks is not None:
            # Ranks that wait leave the core to others, of which a machine for tests has many.
            flags = ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
            command = ["mpirun", *flags, "-np", str(ranks), *command]
        command = [*map(str, within), *command]
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=prepare_child,
            env={
                **os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                **(environment or {})})

    def wait(self):
        """Waits for the end; returns the exit code."""
        try:
            code = self.process.wait(self.limit - (time.monotonic() - self.start))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"still running after {self.limit} s:\n{self.text()}") from None
        self.seconds = time.monotonic() - self.start
        return code

    def text(self):
        """Standard output and standard error so far."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def finish(self):
        """Waits for the end, which has to be a good one."""
        code = self.wait()
        assert code == 0, f"exit code {code}:\n{self.text()}"
        return self

    def step_count(self):
        """The optimiser steps that the run folder knows of."""
        path = Path(self.output, "metrics.jsonl")
        return path.read_text().count('"kind":"step"') if path.exists() else 0

    def rank_ids(self):
        """The process ids of the ranks, in no order; without mpirun of the one process."""
        return [
            number for number, words in processes()
            if words[0] == str(PRDP) and words[1] != "launch"
            and f"run.output={self.output}" in words]

    def id_of_rank(self, rank):
        """The process id of a rank under mpirun."""
        mark = f"OMPI_COMM_WORLD_RANK={rank}\0".encode()
        [found] = [
            number for number in self.rank_ids()
            if mark in Path(f"/proc/{number}/environ").read_bytes()]
        return found


def prepare_child():
    """What a run does before it begins."""
    # Ignored where these tests were started in the background by a script.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # When the tests die it gets TERM: in a session of its own it is told of nothing else.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def scratch_folder(test_class):
    """A folder that goes away with the tests of a class."""
    folder = tempfile.TemporaryDirectory()
    test_class.addClassCleanup(folder.cleanup)
    return Path(folder.name)


def processes():
    """The process id and the words of the command line of every process."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            yield int(entry.name), words


def left_running(output, within=5):
    """Command lines that name the run folder and are still there some seconds later."""
    end = time.monotonic() + within
    while True:
        found = [" ".join(words) for _, words in processes() if f"run.output={output}" in words]
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def committed_steps(output):
    """The steps of the checkpoints that were saved to their end, in order."""
    commits = Path(output, "checkpoints").glob("step-*/COMMIT")
    # step-00000010.1 is another save of step 10.
    return sorted({int(path.parent.name.removeprefix("step-").split(".")[0]) for path in commits})


def records(output, kind):
    """The records of one kind in a run's metrics.jsonl."""
    lines = Path(output, "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def final_state(output):
    """The bytes of every file with tensors in the newest checkpoint, by name."""
    newest = max(Path(output, "checkpoints").glob("step-*"))
    return {path.name: path.read_bytes() for path in sorted(newest.glob("*.safetensors"))}


def png_pixels(path):
    """The width of an 8-bit RGB picture without interlacing, and its samples row by row."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    packed, place = b"", 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place:place + 8])
        body = data[place + 8:place + 8 + length]
        if kind == b"IHDR":
            width, _, *form = struct.unpack(">IIBBBBB", body)
            assert form == [8, 2, 0, 0, 0], (path, form)
        elif kind == b"IDAT":
            packed += body
        place += length + 12
    raw, stride, above, pixels = zlib.decompress(packed), width * 3, bytes(width * 3), bytearray()
    for start in range(0, len(raw), stride + 1):
        row = bytearray(raw[start + 1:start + 1 + stride])
        for x in range(stride):
            left, corner = (row[x - 3], above[x - 3]) if x >= 3 else (0, 0)
            row[x] = row[x] + predicted(raw[start], left, above[x], corner) & 255
        pixels += row
        above = row
    return width, bytes(pixels)


def predicted(filter_type, left, above, corner):
    """What a PNG filter predicts of a sample."""
    if filter_type == 4:
        estimate = left + above - corner
        return min((left, above, corner), key=lambda value: abs(estimate - value))
    return (0, left, above, (left + above) // 2)[filter_type]
