#!/usr/bin/env python3
"""Times an epoch of PRDP beside the same epoch in PyTorch, diffusers and peft.

    scripts/setup --golden && swift build -c release --product prdp
    .venv/bin/python scripts/compare_pytorch.py --json ratios.json

First, both compute an optimiser step from the same weights, prompts and noise: log-probabilities,
loss, w_it and gradient must agree. Then each is tried in several layouts: processes and threads,
batch sizes, order in memory, adapters merged for sampling or not. The fastest of each are timed in
turns. With trl in .venv (pip install trl==0.23.1), its DDPOTrainer is timed on as many images, sampling
steps, trained steps and updates.

With a large model, say the layout, and leave out the check, which is made of float64 copies:

    .venv/bin/python scripts/compare_pytorch.py --config sd.yaml --prompts 2 --inner-steps 1 \\
      --epochs 2 --rounds 1 --layout 2 2 --no-check --no-trl
    .venv/bin/python scripts/compare_pytorch.py --config sd.yaml --device cuda --dtype bfloat16 \\
      --compile --no-check

The machine should be idle. The model is that of --config, with LoRA and without guidance; the reward
is the size as JPEG, which both compute.
"""

import argparse
import itertools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = ROOT / "Sources/Scenes/Resources/prompts/train.txt"


@dataclass(frozen=True)
class Work:
    """What is computed: names and defaults of cluster.yaml."""
    model: str
    prompts_per_epoch: int
    images_per_prompt: int
    inner_steps: int
    steps: int
    trained_steps: int
    beta: float
    clip_range: float
    learning_rate: float
    lora: dict
    epochs: int


@dataclass(frozen=True)
class Layout:
    """How PyTorch computes it."""
    ranks: int
    threads: int
    batch: int = 32
    channels_last: bool = True
    merge: bool = False
    compile: bool = False
    device: str = "cpu"
    dtype: str = "float32"

    def __str__(self):
        words = [f"{self.ranks} x {self.threads} threads", f"batches of {self.batch}"]
        words += [name.replace("_", " ") for name in ("channels_last", "merge", "compile")
                  if getattr(self, name)]
        return ", ".join(words)


# The same epoch in PyTorch.

class Epoch:
    """PRDP as somebody would write it who knows PyTorch and diffusers."""

    def __init__(self, work, layout, rank=0):
        import torch
        from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
        from diffusers.training_utils import cast_training_params
        from peft import LoraConfig
        from transformers import CLIPTextModel, CLIPTokenizer

        self.torch, self.work, self.layout, self.rank = torch, work, layout, rank
        torch.set_num_threads(layout.threads)
        torch.manual_seed(rank)
        # As in prdp: no TF32 where the denoiser is float32, and elsewhere in all that is.
        allowed = layout.dtype != "float32"
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
        folder = Path(work.model)
        self.device, self.dtype = torch.device(layout.device), getattr(torch, layout.dtype)
        self.unet = UNet2DConditionModel.from_pretrained(
            folder / "unet", torch_dtype=self.dtype).requires_grad_(False).to(self.device)
        self.unet.add_adapter(LoraConfig(
            r=work.lora["rank"], lora_alpha=work.lora["alpha"], init_lora_weights="gaussian",
            target_modules=work.lora["targets"]))
        # As in prdp, adapters and autoencoder are float32 whatever the frozen weights are.
        cast_training_params(self.unet, torch.float32)
        self.vae = AutoencoderKL.from_pretrained(folder / "vae").requires_grad_(False).eval()
        self.vae.to(self.device)
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
        self.text_encoder.to(self.device)
        if layout.channels_last:
            self.unet.to(memory_format=torch.channels_last)
            self.vae.to(memory_format=torch.channels_last)
        self.network = torch.compile(self.unet) if layout.compile else self.unet
        self.trained = [p for p in self.unet.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.trained, lr=work.learning_rate, weight_decay=1e-4, fused=True)
        scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
        assert scheduler.config.prediction_type == "epsilon", "only models that predict noise"
        scheduler.set_timesteps(work.steps)
        self.set_schedule(scheduler)

    def set_schedule(self, scheduler):
        """DDIM with eta = 1: x_{t-1} is normal with mean a x + b prediction and deviation sigma."""
        torch = self.torch
        self.timesteps = scheduler.timesteps
        previous = self.timesteps - scheduler.config.num_train_timesteps // self.work.steps
        alpha = scheduler.alphas_cumprod.double()[self.timesteps]
        before = torch.where(previous >= 0, scheduler.alphas_cumprod.double()[previous.clamp(min=0)],
                             scheduler.final_alpha_cumprod.double())
        self.sigma = ((1 - before) / (1 - alpha) * (1 - alpha / before)).sqrt()
        self.sample_factor = (before / alpha).sqrt()
        self.prediction_factor = ((1 - before - self.sigma ** 2).clamp(min=0).sqrt()
                                  - (before * (1 - alpha) / alpha).sqrt())
        for name in ("timesteps", "sigma", "sample_factor", "prediction_factor"):
            setattr(self, name, getattr(self, name).to(self.device))

    def adapter_layers(self):
        from peft.tuners.tuners_utils import BaseTunerLayer
        return [module for module in self.unet.modules() if isinstance(module, BaseTunerLayer)]

    def encode(self, prompts):
        with self.torch.inference_mode():
            ids = self.tokenizer(
                prompts, padding="max_length", max_length=self.tokenizer.model_max_length,
                truncation=True, return_tensors="pt").input_ids
            return self.text_encoder(ids.to(self.device))[0]

    def means(self, x, steps, contexts):
        """The means of the next latents of [n, C, h, w], each at its step, in float64."""
        if self.layout.channels_last:
            x = x.contiguous(memory_format=self.torch.channels_last)
        with self.torch.autocast(self.device.type, self.dtype, enabled=self.dtype != self.torch.float32):
            prediction = self.network(
                x, self.timesteps[steps], encoder_hidden_states=contexts, return_dict=False)[0]
        a, b = self.sample_factor[steps], self.prediction_factor[steps]
        return (a.view(-1, 1, 1, 1) * x.double() + b.view(-1, 1, 1, 1) * prediction.double())

    def log_probabilities(self, x, following, steps, contexts):
        difference = following.double() - self.means(x, steps, contexts)
        return -difference.square().sum((1, 2, 3)) / (2 * self.sigma[steps] ** 2)

    def sample(self, contexts, noises):
        """Latents [T + 1, n, C, h, w], l_old [n, S] and images [n, 3, H, W], uint8.

        contexts: [n, L, D]; noises: [n, T + 1, C, h, w].
        """
        torch, parts = self.torch, []
        if self.layout.merge:
            for layer in self.adapter_layers():
                layer.merge()
        with torch.inference_mode():
            for start in range(0, len(contexts), self.layout.batch):
                own = slice(start, start + self.layout.batch)
                parts.append(self.sample_batch(contexts[own], noises[own]))
        if self.layout.merge:
            for layer in self.adapter_layers():
                layer.unmerge()
        # Outside of inference mode, so that autograd may use them.
        latents, old, images = (torch.cat(values, axis) for values, axis in zip(zip(*parts), (1, 0, 0)))
        return latents, old, images

    def sample_batch(self, contexts, noises):
        torch = self.torch
        latents, log_probabilities = [noises[:, 0]], []
        for step in range(self.work.steps):
            steps = torch.full((len(contexts),), step, device=self.device)
            mean = self.means(latents[-1], steps, contexts)
            latents.append((mean + self.sigma[step] * noises[:, step + 1]).float())
            difference = latents[-1].double() - mean
            log_probabilities.append(
                -difference.square().sum((1, 2, 3)) / (2 * self.sigma[step] ** 2))
        levels = self.vae.decode(latents[-1] / self.vae.config.scaling_factor).sample
        images = ((levels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        return (torch.stack(latents),
                torch.stack(log_probabilities[:self.work.trained_steps], 1), images)

    def reference(self, latents, contexts):
        """l_ref [n, S] of trajectories [T + 1, n, C, h, w]; the KL wants it at all T steps."""
        torch, count = self.torch, latents.shape[1]
        self.unet.disable_adapters()
        with torch.inference_mode():
            values = [
                torch.cat([
                    self.log_probabilities(
                        latents[step, own], latents[step + 1, own],
                        torch.full((len(contexts[own]),), step, device=self.device), contexts[own])
                    for start in range(0, count, self.layout.batch)
                    for own in [slice(start, start + self.layout.batch)]])
                for step in range(self.work.steps)]
        self.unet.enable_adapters()
        return torch.stack(values[:self.work.trained_steps], 1)

    def loss(self, l, old, reference, rewards):
        """PRDP's loss of prompts: l, old and reference [P, B, S], rewards [P, B]; float64 [P]."""
        delta = (l - old).clamp(-self.work.clip_range, self.work.clip_range)
        target = rewards / self.work.beta

        def errors(ratio):
            value = ratio.mean(2) - target
            return (value[:, :, None] - value[:, None, :]).square()
        both = self.torch.maximum(errors(l - reference), errors(old - reference + delta))
        counts = (rewards[:, :, None] != rewards[:, None, :]).double()
        return (both * counts).sum((1, 2)) / counts.sum((1, 2)).clamp(min=1)

    def accumulate(self, latents, contexts, old, reference, rewards):
        """Adds the gradient of the sum of the prompts' losses; returns loss [P] and w_it [P, B, S].

        latents: [T + 1, P, B, C, h, w]; contexts: [P, L, D]; old, reference: [P, B, S].
        """
        torch = self.torch
        count, images, trained = old.shape
        group = max(1, self.micro_batch // (images * trained))
        losses, weights = [], []
        for start in range(0, count, group):
            own = slice(start, start + group)
            x, following = (
                part[:, own].permute(1, 2, 0, 3, 4, 5).flatten(0, 2)
                for part in (latents[:trained], latents[1:trained + 1]))
            steps = torch.arange(trained, device=self.device).repeat(len(x) // trained)
            repeated = contexts[own].repeat_interleave(images * trained, 0)
            l = self.log_probabilities(x, following, steps, repeated).view(-1, images, trained)
            l.retain_grad()
            loss = self.loss(l, old[own], reference[own], rewards[own])
            loss.sum().backward()
            losses.append(loss.detach())
            weights.append(l.grad)
        return torch.cat(losses), torch.cat(weights)

    @property
    def micro_batch(self):
        """Samples (image, step) in a forward and backward pass: all of some prompts."""
        return self.layout.batch * self.work.trained_steps

    def run(self, prompts):
        """Takes an epoch on this rank's prompts; returns the seconds of its parts."""
        import io
        from PIL import Image
        torch, work = self.torch, self.work
        seconds, clock = {}, time.perf_counter()

        def lap(name):
            nonlocal clock
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            now = time.perf_counter()
            seconds[name] = seconds.get(name, 0) + now - clock
            clock = now

        shape = (len(prompts), work.images_per_prompt)
        contexts = self.encode(prompts)
        repeated = contexts.repeat_interleave(work.images_per_prompt, 0)
        size = self.unet.config.sample_size
        noises = torch.randn(len(repeated), work.steps + 1, self.unet.config.in_channels, size, size,
                             device=self.device)
        latents, old, images = self.sample(repeated, noises)
        lap("sample")
        rewards = []
        for image in images.permute(0, 2, 3, 1).cpu().numpy():
            file = io.BytesIO()
            Image.fromarray(image).save(file, format="JPEG", quality=95)
            rewards.append(-file.tell() / 1000)
        rewards = torch.tensor(rewards, dtype=torch.float64, device=self.device).view(shape)
        lap("reward")
        reference = self.reference(latents, repeated).view(*shape, -1)
        lap("reference")
        latents = latents.view(work.steps + 1, *shape, *latents.shape[2:])
        old, contexts = old.view(*shape, -1).clone(), contexts.clone()
        for _ in range(work.inner_steps):
            self.optimizer.zero_grad()
            self.accumulate(latents, contexts, old, reference.clone(), rewards)
            self.average_gradient()
            torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
            self.optimizer.step()
        lap("gradient")
        return seconds

    def average_gradient(self):
        torch = self.torch
        flat = torch.cat([p.grad.flatten() for p in self.trained]) / self.work.prompts_per_epoch
        if self.layout.ranks > 1:
            torch.distributed.all_reduce(flat)
        for parameter, part in zip(self.trained, flat.split([p.numel() for p in self.trained])):
            parameter.grad.copy_(part.view_as(parameter))


def work_in_pytorch(work, layout):
    """A rank: prints the seconds of each epoch as a line of JSON."""
    rank = int(os.environ["RANK"])
    epoch = Epoch(work, layout, rank)
    if layout.ranks > 1:
        epoch.torch.distributed.init_process_group("gloo" if layout.device == "cpu" else "nccl")
    lines = PROMPTS.read_text().splitlines()[:work.prompts_per_epoch * work.epochs]
    for index in range(work.epochs):
        own = lines[index * work.prompts_per_epoch:][:work.prompts_per_epoch]
        seconds = epoch.run(own[rank::layout.ranks])
        if rank == 0:
            print(json.dumps(seconds), flush=True)


def work_in_trl(work):
    """DDPOTrainer on as many images, steps and updates: prints the seconds of each epoch."""
    import io
    import torch
    from accelerate import PartialState
    from peft import LoraConfig
    from PIL import Image
    from trl import DDPOConfig, DDPOTrainer, DefaultDDPOStableDiffusionPipeline

    class Pipeline(DefaultDDPOStableDiffusionPipeline):
        """With the adapters of the run; trl's own are those of the attention."""

        def get_trainable_layers(self):
            self.sd_pipeline.unet.add_adapter(LoraConfig(
                r=work.lora["rank"], lora_alpha=work.lora["alpha"], init_lora_weights="gaussian",
                target_modules=work.lora["targets"]))
            return self.sd_pipeline.unet

    def reward(images, prompts, metadata):
        values = []
        for image in (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy():
            file = io.BytesIO()
            Image.fromarray(image).save(file, format="JPEG", quality=95)
            values.append(-file.tell() / 1000)
        return torch.tensor(values), {}

    PartialState(cpu=True)
    torch.set_num_threads(os.cpu_count())
    lines = PROMPTS.read_text().splitlines()
    numbers = itertools.count()
    images = work.prompts_per_epoch * work.images_per_prompt
    batch = 32
    folder = tempfile.mkdtemp()
    config = DDPOConfig(
        num_epochs=work.epochs, sample_num_steps=work.steps, sample_guidance_scale=1.0,
        sample_batch_size=batch, sample_num_batches_per_epoch=images // batch,
        train_batch_size=batch, train_gradient_accumulation_steps=images // batch,
        train_num_inner_epochs=work.inner_steps, train_cfg=False,
        train_timestep_fraction=work.trained_steps / work.steps + 1e-9,
        train_learning_rate=work.learning_rate, mixed_precision="no", save_freq=10 ** 6,
        project_kwargs={"project_dir": folder}, per_prompt_stat_tracking=False)
    pipeline = Pipeline(work.model)
    pipeline.sd_pipeline.set_progress_bar_config(disable=True)
    # Without guidance trl hands over negative prompts all the same, which diffusers now joins.
    pipeline.sd_pipeline._encode_prompt = lambda *_, prompt_embeds, **__: prompt_embeds
    trainer = DDPOTrainer(
        config, reward, lambda: (lines[next(numbers) % len(lines)], {}), pipeline)
    step = 0
    for index in range(work.epochs):
        start = time.perf_counter()
        step = trainer.step(index, step)
        print(json.dumps({"epoch": time.perf_counter() - start}), flush=True)
    shutil.rmtree(folder)


# Running and timing.

class Memory:
    """The most memory that a process and its children take, shared pages counted once."""

    def __init__(self, process):
        self.peak = 0
        self.process = process
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while self.process.poll() is None:
            self.peak = max(self.peak, sum(map(self.proportional, self.family())))
            time.sleep(0.2)

    def family(self):
        children = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(path.parent.name))
        found = [self.process.pid]
        for parent in found:
            found += children.get(parent, [])
        return found

    @staticmethod
    def proportional(pid):
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        except OSError:
            pass
        return 0


def lines_of(command, environment=None):
    """What a command prints, and the most memory that it takes."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**os.environ, **(environment or {})})
        memory = Memory(process)
        output = process.communicate()[0]
        memory.thread.join()
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(map(str, command[:6]))} ... ended with {process.returncode}:\n"
                     + errors.read()[-4000:])
    return output.splitlines(), memory.peak


def summarized(epochs, memory, device="cpu"):
    """Medians over the epochs but the first, which is without a reference in ours.

    On a GPU the reference counts as sampling: prdp does not wait for the device between the two.
    """
    later = epochs[1:]
    if device == "cuda":
        later = [{**epoch, "sample": epoch["sample"] + epoch["reference"], "reference": 0}
                 for epoch in later]
    parts = {name: statistics.median(epoch.get(name, 0) for epoch in later)
             for name in {name for epoch in later for name in epoch}}
    return {"epoch": statistics.median(sum(epoch.values()) for epoch in later), "memory": memory,
            **{name: value for name, value in parts.items() if name != "epoch"}}


def time_pytorch(work, layout):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A shell of all ranks is one family of processes.
    own = [sys.executable, __file__, "--worker", json.dumps([asdict(work), asdict(layout)])]
    ranks = " & ".join(
        f'RANK={rank} "$@" & ids="$ids $!"' if rank else 'RANK=0 "$@" & ids=$!'
        for rank in range(layout.ranks))
    script = ranks.replace(" & RANK", " ; RANK") + '; for id in $ids; do wait $id || exit 1; done'
    lines, memory = lines_of(
        ["bash", "-c", script, "worker", *own],
        {"WORLD_SIZE": str(layout.ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
         "OMP_NUM_THREADS": str(layout.threads), "HF_HUB_OFFLINE": "1"})
    return summarized([json.loads(line) for line in lines if line.startswith("{")], memory,
                      layout.device)


def time_trl(work):
    lines, memory = lines_of(
        [sys.executable, __file__, "--trl-worker", json.dumps(asdict(work))],
        {"HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true"})
    return summarized([json.loads(line) for line in lines if line.startswith("{")], memory)


def settings(work, output, **others):
    values = {
        "run.output": output, "run.epochs": work.epochs, "model.path": work.model,
        **{f"model.lora.{key}": value for key, value in work.lora.items()},
        "method.promptsPerEpoch": work.prompts_per_epoch,
        "method.imagesPerPrompt": work.images_per_prompt, "method.innerSteps": work.inner_steps,
        "method.beta": work.beta, "method.clipRange": work.clip_range,
        "method.omitLastSteps": work.steps - work.trained_steps, "sampler.steps": work.steps,
        "sampler.guidance": 1, "optimizer.learningRate": work.learning_rate,
        "optimizer.warmupSteps": 0, "rewards": "[{name: jpeg-compressibility}]",
        "evaluation.sets": "{}", "checkpoint.everyEpochs": 0, "logging.progress": "none",
        "logging.sampleImages": 0, **others}
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def time_prdp(prdp, work, ranks, batch, options):
    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/run"
        _, memory = lines_of(
            ["mpirun", "-np", str(ranks), "--bind-to", "none", "--use-hwthread-cpus", prdp, "train",
             *settings(work, output, **{
                 "sampler.batchSize": batch, "cluster.threadsPerRank": max(1, os.cpu_count() // ranks),
                 "cluster.device": options.device, "model.dtype": options.dtype,
                 # In half precision drawing and learning round alike in batches of one shape only.
                 "method.microBatch": batch * work.trained_steps if options.dtype == "float32"
                 else work.images_per_prompt})])
        records = [json.loads(line) for line in Path(output, "metrics.jsonl").read_text().splitlines()]
    epochs = {}
    for record in records:
        if record["kind"] == "step":
            seconds = epochs.setdefault(record["epoch"], {})
            for name, value in record["seconds"].items():
                # Scoring runs beside sampling; "reward" is what was waited for it.
                if name != "scoring":
                    seconds[name] = seconds.get(name, 0) + value
    return summarized(list(epochs.values()), memory, options.device)


# Agreement.

def check(prdp, work):
    """Both compute the first step of a second epoch, when the adapters have left their start."""
    import torch
    from safetensors.torch import load_file
    work = replace(work, prompts_per_epoch=2, inner_steps=1, epochs=2)
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder, "dump")
        lines_of([prdp, "train", "--debug", "--dump-step", str(dump),
                  *settings(work, f"{folder}/run", **{"cluster.threadsPerRank": os.cpu_count()})])
        step = load_file(dump / "step.safetensors")
        adapters = load_file(dump / "adapters-before.safetensors")
        gradient = load_file(dump / "gradient.safetensors")
    epoch = Epoch(work, Layout(1, os.cpu_count()))
    names = {name.replace(".default.", "."): parameter
             for name, parameter in epoch.unet.named_parameters() if parameter.requires_grad}
    assert names.keys() == adapters.keys(), names.keys() ^ adapters.keys()
    for name, value in adapters.items():
        names[name].data.copy_(value)
    prompts, images = step["rewards"].shape
    contexts = step["contexts"]
    latents, old, _ = epoch.sample(
        contexts.repeat_interleave(images, 0), step["noises"].flatten(0, 1))
    reference = epoch.reference(latents, contexts.repeat_interleave(images, 0))
    latents = latents.view(len(latents), prompts, images, *latents.shape[2:])
    old, reference = (part.view(prompts, images, -1).clone() for part in (old, reference))
    losses, weights = epoch.accumulate(
        latents, contexts, old, reference, step["rewards"].double())

    def difference(found, expected):
        found, expected = found.double().flatten(), expected.double().flatten()
        return ((found - expected).norm() / expected.norm()).item()
    order = sorted(gradient)
    figures = {
        "trajectories": difference(step["trajectories"].transpose(0, 1), latents),
        "l_old": difference(step["old_log_probabilities"], old),
        "l_ref": difference(step["reference_log_probabilities"], reference),
        "loss": difference(step["losses"], losses),
        "w_it": difference(step["weights"], weights),
        "gradient": difference(
            torch.cat([gradient[name].double().flatten() for name in order]),
            torch.cat([names[name].grad.flatten() for name in order]) / prompts),
    }
    for name, value in figures.items():
        print(f"  {name:<14}{value:.1e}")
        if not value < 1e-4:
            sys.exit(f"error: {name} differs by {value:.1e}, where 1e-4 is the limit")
    return figures


def fastest(candidates, run, part):
    return min(candidates, key=lambda candidate: run(candidate)[part])


def tried(work, options):
    """Layouts of PyTorch and what they take: one choice after the other."""
    results = {}

    def seconds(layout):
        if layout not in results:
            results[layout] = time_pytorch(work, layout)
            print(f"  {str(layout):<60} sampling {results[layout]['sample']:6.2f} s, epoch "
                  f"{results[layout]['epoch']:6.2f} s", flush=True)
        return results[layout]
    cores = os.cpu_count()
    all_ranks = {1, cores} if options.device == "cpu" else {1}
    for part in ("epoch", "sample"):
        best = fastest([Layout(ranks, cores // ranks, channels_last=order, device=options.device,
                               dtype=options.dtype)
                        for ranks in all_ranks for order in (False, True)], seconds, part)
        best = fastest([replace(best, batch=batch) for batch in (16, 32, 64)], seconds, part)
        best = fastest([best, replace(best, merge=True)], seconds, part)
        if options.compile:
            best = fastest([best, replace(best, compile=True)], seconds, part)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=str(ROOT / "cluster.yaml"), help="the run compared")
    parser.add_argument("--prompts", type=int, default=8, help="prompts in an epoch")
    parser.add_argument("--inner-steps", type=int, default=10, help="K")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="of a run; the first does not count")
    parser.add_argument("--compile", action="store_true", help="try torch.compile too")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"),
                        help="of the frozen weights; the check is in float32 on the CPU")
    parser.add_argument("--no-check", action="store_true")
    parser.add_argument("--layout", type=int, nargs=2, metavar=("RANKS", "BATCH"),
                        help="of both, where trying takes too long; PyTorch's channels are last")
    parser.add_argument("--no-trl", action="store_true")
    parser.add_argument("--json", help="writes the results to a file, too")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--trl-worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work, layout = json.loads(options.worker)
        return work_in_pytorch(Work(**work), Layout(**layout))
    if options.trl_worker:
        return work_in_trl(Work(**json.loads(options.trl_worker)))

    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    prdp = os.environ.get("PRDP", str(ROOT / ".build/release/prdp"))
    if not Path(prdp).exists():
        sys.exit(f"error: {prdp} is missing: swift build -c release --product prdp")
    import yaml
    shown, _ = lines_of([prdp, "config", "show", "--config", options.config])
    values = yaml.safe_load("\n".join(shown))
    method, sampler, lora = values["method"], values["sampler"], values["model"]["lora"]
    work = Work(
        model=str((ROOT / values["model"]["path"]).resolve()), prompts_per_epoch=options.prompts,
        images_per_prompt=method["imagesPerPrompt"], inner_steps=options.inner_steps,
        steps=sampler["steps"], trained_steps=sampler["steps"] - method["omitLastSteps"],
        beta=float(method["beta"]), clip_range=float(method["clipRange"]),
        learning_rate=float(values["optimizer"]["learningRate"]), lora=lora, epochs=options.epochs)

    agreement = None
    if not options.no_check:
        print("one optimiser step, relative differences")
        agreement = check(prdp, work)
    short = replace(work, epochs=2, inner_steps=2)
    parts, cores = ("sample", "epoch"), os.cpu_count()
    if options.layout:
        ranks, batch = options.layout
        chosen = dict.fromkeys(parts, Layout(
            ranks, max(1, cores // ranks), batch, compile=options.compile, device=options.device,
            dtype=options.dtype))
        chosen_own = dict.fromkeys(parts, (ranks, batch))
    else:
        print("layouts of PyTorch, epochs of two updates")
        layouts = tried(short, options)
        print("layouts of prdp")
        own = {}
        ranks = cores if options.device == "cpu" else 1
        for batch in (16, 32, 64):
            own[ranks, batch] = time_prdp(prdp, short, ranks, batch, options)
            print(f"  {ranks} ranks, batches of {batch}: sampling {own[ranks, batch]['sample']:.2f} s, "
                  f"epoch {own[ranks, batch]['epoch']:.2f} s", flush=True)
        chosen = {part: min(layouts, key=lambda layout: layouts[layout][part]) for part in parts}
        chosen_own = {part: min(own, key=lambda layout: own[layout][part]) for part in parts}
    has_trl = not options.no_trl and options.device == "cpu" and subprocess.run(
        [sys.executable, "-c", "import trl.trainer.ddpo_trainer"], capture_output=True).returncode == 0
    if not has_trl and not options.no_trl:
        print("skipped: trl, which is timed on the CPU, and where it is in .venv: "
              ".venv/bin/python -m pip install trl==0.23.1")

    rounds = []
    for index in range(options.rounds):
        pytorch = {layout: time_pytorch(work, layout) for layout in set(chosen.values())}
        prdp_times = {layout: time_prdp(prdp, work, *layout, options)
                      for layout in set(chosen_own.values())}
        trl = time_trl(work) if has_trl else None

        def ratio(part, of):
            return pytorch[chosen[of]][part] / prdp_times[chosen_own[of]][part]
        found = {"sampling": ratio("sample", "sample"), "epoch": ratio("epoch", "epoch"),
                 "memory": ratio("memory", "epoch")}
        if trl:
            found["trl"] = trl["epoch"] / prdp_times[chosen_own["epoch"]]["epoch"]
        rounds.append({
            "ratios": found, "pytorch": pytorch[chosen["epoch"]],
            "prdp": prdp_times[chosen_own["epoch"]], "trl": trl})
        print(f"round {index + 1}: " + ", ".join(f"{name} {value:.2f}" for name, value in found.items()),
              flush=True)

    ratios = {name: statistics.median(entry["ratios"][name] for entry in rounds)
              for name in rounds[0]["ratios"]}
    result = {
        "ratios": ratios, "agreement": agreement,
        "layouts": {
            "pytorch": {part: str(layout) for part, layout in chosen.items()},
            "prdp": {part: f"{ranks} ranks, batches of {batch}"
                     for part, (ranks, batch) in chosen_own.items()}},
        "rounds": rounds, "work": asdict(work)}
    print("PyTorch over prdp, medians:")
    for name, value in ratios.items():
        print(f"  {name:<10}{value:.2f}")
    for program, parts in result["layouts"].items():
        for part, layout in parts.items():
            print(f"  {program}, {part}: {layout}")
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
