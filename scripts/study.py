"""The study: runs of one budget with several methods, and what came of them.

`scripts/study` sets up, builds and calls this; the standard library suffices.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = ROOT / "Sources/Scenes/Resources/prompts"
PRDP = os.environ.get("PRDP", str(ROOT / ".build/release/prdp"))

# The paper's two scales: 45 prompts, and more than 100,000.
SCALES = {"small": "45 prompts", "large": "120,000 prompts"}
SMALL_PROMPT_COUNT = 45
SETS = {"seen": "seen", "unseen": "unseen", "unseen-pairs": "unseen pairs"}

# What sets a method apart from cluster.yaml; the first two are compared at both scales.
METHODS = {
    "ddpo": ("DDPO", {"method.name": "ddpo"}),
    "prdp": ("PRDP", {}),
    "ddpo-history": (
        "DDPO, one image a prompt",
        {"method.name": "ddpo", "method.advantages": "history", "method.imagesPerPrompt": 1}),
    "unclipped": ("PRDP without clipping", {"method.clip": "false"}),
    "offline": ("PRDP offline", {"method.sampling": "offline"}),
    "mean": ("PRDP, mean in place of the sum, at the same beta and eps", {"method.reduction": "mean"}),
}
CONDITIONS = [
    ("small", "ddpo"), ("small", "prdp"), ("large", "ddpo"), ("large", "prdp"),
    ("large", "ddpo-history"), ("large", "unclipped"), ("large", "offline"), ("large", "mean"),
]


# What runs that are compared must share.
BUDGET = ("queries", "prompts", "images_per_prompt", "inner_steps", "evaluation_images")

# prdp's exit status where a number of the training is not finite: the same happens each time.
DIVERGED = 3


class Study:
    def __init__(self, options):
        self.options = options
        self.folder = Path(options.output).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.require_the_same_budget()

    def require_the_same_budget(self):
        path = self.folder / "budget.json"
        budget = {name: getattr(self.options, name) for name in BUDGET}
        if not path.exists():
            path.write_text(json.dumps(budget) + "\n")
        elif json.loads(path.read_text()) != budget:
            sys.exit(
                f"study: {path} has {path.read_text().strip()}, these options are "
                f"{json.dumps(budget)}: runs of different budgets do not compare; choose another "
                "--output")

    # Running

    def settings(self, scale, method, seed):
        """What is set beside cluster.yaml. An epoch has as many images whatever the method."""
        options = self.options
        own = METHODS[method][1]
        images = own.get("method.imagesPerPrompt", options.images_per_prompt)
        epoch_images = options.prompts * options.images_per_prompt
        return {
            "run.seed": seed,
            "run.output": self.output(scale, method, seed),
            "run.epochs": options.queries // epoch_images,
            "data.prompts": self.small_prompts() if scale == "small" else PROMPTS / "train.txt",
            "evaluation.sets": "{%s}" % ", ".join(
                f"{name}: {self.small_prompts() if (scale, name) == ('small', 'seen') else PROMPTS / f'{name}.txt'}"
                for name in SETS),
            "evaluation.imagesPerSet": options.evaluation_images,
            "checkpoint.everyEpochs": 2,
            "logging.progress": "plain",
            "method.innerSteps": options.inner_steps,
            **own,
            "method.imagesPerPrompt": images,
            "method.promptsPerEpoch": epoch_images // images,
        }

    def output(self, scale, method, seed):
        return self.folder / f"{scale}-{method}-seed{seed}"

    def small_prompts(self):
        """Every so many of the training prompts."""
        path = self.folder / "small.txt"
        if not path.exists():
            lines = (PROMPTS / "train.txt").read_text().splitlines()
            chosen = lines[::len(lines) // SMALL_PROMPT_COUNT][:SMALL_PROMPT_COUNT]
            path.write_text("".join(f"{line}\n" for line in chosen))
        return path

    def run(self, scale, method, seed):
        output = self.output(scale, method, seed)
        if (output / "summary.json").exists() or (output / "diverged").exists():
            return
        print(f"study: {scale} {method}, seed {seed}", flush=True)
        start = time.monotonic()
        command = [
            "mpirun", "-np", str(self.options.ranks), "--bind-to", "none", "--use-hwthread-cpus",
            PRDP, "train", "--config", str(ROOT / "cluster.yaml"), "--resume", "latest"]
        for key, value in self.settings(scale, method, seed).items():
            command += ["--set", f"{key}={value}"]
        output.mkdir(exist_ok=True)
        with open(output / "log.txt", "a") as log:
            end = subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False)
        if end.returncode == DIVERGED:
            errors = [line for line in (output / "log.txt").read_text().splitlines()
                      if line.startswith("error: ")]
            reason = errors[-1] if errors else "error: without a reason"
            (output / "diverged").write_text(f"{reason}\n")
            print(f"  diverged: {reason}", flush=True)
        elif end.returncode != 0:
            self.report()
            sys.exit(
                f"study: {output.name} ended with {end.returncode}, see {output}/log.txt; the same "
                "command goes on")
        print(f"  took {time.monotonic() - start:.0f} s", flush=True)

    # Results

    def done(self, scale, method, file="summary.json"):
        """The folders of the seeds that have come to their end."""
        outputs = [self.output(scale, method, seed) for seed in self.seeds]
        return [output for output in outputs if (output / file).exists()]

    def summaries(self, scale, method):
        return [json.loads((output / "summary.json").read_text())
                for output in self.done(scale, method)]

    @property
    def seeds(self):
        return range(1, self.options.seeds + 1)

    def rows(self):
        """Of the table: scale, label, and for each set the mean over seeds and its error."""
        for scale in SCALES:
            done = [
                (method, found) for known, method in CONDITIONS if known == scale
                for found in [self.summaries(scale, method)] if found]
            if not done:
                continue
            first = done[0][1][0]
            yield scale, "base", 1, {
                name: (first["evaluation"]["before"][name], first["standardErrors"]["before"][name])
                for name in SETS}
            for method, found in done:
                values = {
                    name: [summary["evaluation"]["after"][name] for summary in found]
                    for name in SETS}
                diverged = len(self.done(scale, method, "diverged"))
                label = METHODS[method][0] + (f"; {diverged} diverged" if diverged else "")
                yield scale, label, len(found), {
                    name: (statistics.mean(of_set), standard_error(of_set))
                    for name, of_set in values.items()}

    def table(self):
        lines = [
            "| training prompts | method | seeds | " + " | ".join(SETS.values()) + " |",
            "| --- | --- | --- | " + " | ".join("---" for _ in SETS) + " |"]
        for scale, label, count, cells in self.rows():
            texts = [
                f"{mean:.3f}" + ("" if error is None else f" ± {error:.3f}")
                for mean, error in cells.values()]
            count = "" if label == "base" else count
            lines.append(f"| {SCALES[scale]} | {label} | {count} | " + " | ".join(texts) + " |")
        return "\n".join(lines) + "\n"

    def courses(self, scale):
        """By method, the training reward against reward queries: the mean over seeds, smoothed."""
        found = {}
        for known, method in CONDITIONS:
            runs = [training_rewards(output / "metrics.jsonl")
                    for output in self.done(scale, method) if known == scale]
            length = min(map(len, runs), default=0)
            if length > 1:
                points = [
                    (runs[0][place][0], statistics.mean(run[place][1] for run in runs))
                    for place in range(length)]
                found[METHODS[method][0]] = smoothed(points)
        return found

    def report(self):
        """Writes the table, the numbers, curves and pictures of what is done."""
        (self.folder / "table.md").write_text(self.table())
        numbers = [
            {"scale": scale, "method": label, "seeds": count, "sets": {
                name: {"mean": mean, "standardError": error}
                for name, (mean, error) in cells.items()}}
            for scale, label, count, cells in self.rows()]
        (self.folder / "study.json").write_text(json.dumps(numbers, indent=2) + "\n")
        for scale, text in SCALES.items():
            courses = self.courses(scale)
            if courses:
                (self.folder / f"curves-{scale}.svg").write_text(
                    curves(f"Training reward, {text}", courses))
        for scale, method in CONDITIONS:
            for phase in ("before", "after"):
                source = self.output(scale, method, 1) / "samples" / f"{phase}-unseen.png"
                if source.exists():
                    shutil.copy(source, self.folder / f"{scale}-{method}-{phase}.png")
        print(self.table(), end="")
        print(f"study: table.md, study.json, curves and pictures are in {self.folder}")


def standard_error(values):
    """Of the mean; nothing of a single value."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None


def training_rewards(path):
    """(reward queries, mean reward) of each epoch; of a step that was taken again the last."""
    points = {}
    for line in path.read_text().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # The end of a line that a kill cut off.
        if record.get("kind") == "step" and record["inner"] == 1:
            points[record["images"]] = record["rewardMean"]
    return sorted(points.items())


def smoothed(points, width=5):
    """The mean over so many points around each."""
    half = width // 2
    return [
        (x, statistics.mean(y for _, y in points[max(0, place - half):place + half + 1]))
        for place, (x, _) in enumerate(points)]


def curves(title, courses, width=720, height=400):
    """An SVG with a curve for each name: [(x, y)]."""
    colors = ["#c2571a", "#1f5fa8", "#7a7a7a", "#2e8540", "#8a3ffc", "#b28600"]
    left, top, right, bottom = 60, 40, width - 230, height - 50
    points = [point for course in courses.values() for point in course]
    least, most = min(y for _, y in points), max(y for _, y in points)
    last = max(x for x, _ in points)
    span = most - least or 1

    def place(x, y):
        return left + (right - left) * x / last, bottom - (bottom - top) * (y - least) / span

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="24" font-size="15">{title}</text>',
        f'<text x="{(left + right) / 2}" y="{height - 12}" text-anchor="middle">reward queries</text>']
    for part in range(5):
        y = least + span * part / 4
        x_value = last * part / 4
        (x, at), (along, _) = place(0, y), place(x_value, least)
        parts.append(f'<line x1="{left}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6}" y="{at + 4:.1f}" text-anchor="end">{y:.3f}</text>')
        parts.append(
            f'<text x="{along:.1f}" y="{bottom + 18}" text-anchor="middle">{x_value:,.0f}</text>')
    for number, (name, course) in enumerate(courses.items()):
        color = colors[number % len(colors)]
        path = " ".join("%.1f,%.1f" % place(x, y) for x, y in course)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        y = top + 20 * number
        parts.append(
            f'<line x1="{right + 12}" x2="{right + 34}" y1="{y}" y2="{y}" stroke="{color}" '
            'stroke-width="3"/>')
        parts.append(f'<text x="{right + 40}" y="{y + 4}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main():
    names = [f"{scale}-{method}" for scale, method in CONDITIONS]
    parser = argparse.ArgumentParser(
        prog="scripts/study", description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--output", default="runs/study", help="where the runs and results go")
    parser.add_argument("--queries", type=int, default=5120, help="images scored in each run")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each method")
    parser.add_argument("--prompts", type=int, default=16, help="prompts of an epoch")
    parser.add_argument("--images-per-prompt", type=int, default=16, help="images of each of them")
    parser.add_argument("--inner-steps", type=int, default=4, help="optimiser steps on an epoch")
    parser.add_argument(
        "--evaluation-images", type=int, default=512, help="images of each evaluation set")
    parser.add_argument("--ranks", type=int, default=os.cpu_count(), help="ranks of each run")
    parser.add_argument("--quick", action="store_true", help="1 seed, 512 queries, 128 images")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these alone")
    parser.add_argument("--report", action="store_true", help="run nothing, write the results")
    if "--quick" in sys.argv:
        parser.set_defaults(
            seeds=1, queries=512, evaluation_images=128, output="runs/study-quick")
    options = parser.parse_args()
    if options.queries <= 0 or options.queries % (options.prompts * options.images_per_prompt):
        parser.error(
            f"--queries is {options.queries}, not some epochs of {options.prompts} * "
            f"{options.images_per_prompt} images")
    study = Study(options)
    if not options.report:
        # Seed by seed, so that every method has a result before any has them all.
        for seed in study.seeds:
            for scale, method in CONDITIONS:
                if f"{scale}-{method}" in options.only:
                    study.run(scale, method, seed)
    study.report()


if __name__ == "__main__":
    main()
