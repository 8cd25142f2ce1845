#!/usr/bin/env python3
"""Computes a dumped optimiser step again, with PyTorch and diffusers, and compares.

    prdp train --config cluster.yaml --debug --dump-step DIR
    .venv/bin/python scripts/golden/check_dump.py DIR [DIR ...] MODEL_FOLDER

Nothing here is taken from the Swift code: the loss is written from its definition and differentiated
by autograd, the network is diffusers' UNet2DConditionModel built from MODEL_FOLDER's config.json, the
sampling step is DDIM's formula, the update is torch.optim.AdamW. Computed in float64; the run's
own numbers come from a float32 network, which is what the tolerances of the second part are for.
Prints a table for each dump and exits with 1 where a comparison fails. step.json in DIR explains the
tensors.
"""

import argparse
import itertools
import json
import pathlib
import sys

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file


class Table:
    """Comparisons, each with a figure and the limit that it must not exceed."""

    def __init__(self):
        self.failed = 0
        print(f"  {'compared':<58}{'difference':>12}{'limit':>10}")

    def add(self, name, figure, limit):
        # Written so that NaN fails.
        passed = figure <= limit
        self.failed += not passed
        print(f"  {name:<58}{figure:>12.1e}{limit:>10.0e}  {'ok' if passed else 'FAILED'}")


def relative(found, expected):
    """The norm of the difference over the norm expected; 0 where both vanish."""
    found, expected = found.double().flatten(), expected.double().flatten()
    difference = torch.linalg.vector_norm(found - expected)
    return 0.0 if difference == 0 else (difference / torch.linalg.vector_norm(expected)).item()


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def relative_by_name(found, expected):
    """The same over all tensors of two dictionaries together, which must have the same names."""
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    names = sorted(expected)
    return relative(*(torch.cat([part[name].double().flatten() for name in names])
                      for part in (found, expected)))


class Dump:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.record = json.loads((self.folder / "step.json").read_text())
        self.settings = self.record["settings"]
        self.axes = self.record["axes"]
        self.tensors = self.load("step")
        for entry in self.record["entries"]:
            if entry["file"] == "step.safetensors":
                self.check_shape(entry)

    def load(self, name):
        return load_file(self.folder / f"{name}.safetensors")

    def check_shape(self, entry):
        axes = [sum(self.axes[term] if term in self.axes else int(term) for term in axis.split(" + "))
                for axis in entry["shape"].strip("[]").split(", ")]
        assert list(self.tensors[entry["name"]].shape) == axes, entry

    def __getitem__(self, name):
        return self.tensors[name]

    @property
    def trained(self):
        lora = self.settings["training"] == "lora"
        return {when: self.load(f"{'adapters' if lora else 'unet'}-{when}")
                for when in ("before", "after")}


# (a) The loss, from log-probabilities and rewards.

def prompt_loss(log_probabilities, old, reference, rewards, beta, clip_range):
    """The mean over the pairs of known, unequal rewards of max(e^2, clipped e^2)."""
    delta = log_probabilities - old
    ratio = (log_probabilities - reference).mean(1)
    clipped_ratio = (old - reference + delta.clamp(-clip_range, clip_range)).mean(1)
    terms = []
    for i, j in itertools.combinations(range(len(rewards)), 2):
        if rewards[i] == rewards[j] or rewards[i].isnan() or rewards[j].isnan():
            continue
        target = (rewards[i] - rewards[j]) / beta
        terms.append(torch.maximum((ratio[i] - ratio[j] - target) ** 2,
                                   (clipped_ratio[i] - clipped_ratio[j] - target) ** 2))
    return torch.stack(terms).mean() if terms else (log_probabilities * 0).sum()


def check_loss(dump, table):
    settings, axes = dump.settings, dump.axes
    elements = axes["C"] * axes["h"] * axes["w"] if settings["reduction"] == "mean" else 1
    trained, old, reference = (dump[name] / elements for name in (
        "log_probabilities", "old_log_probabilities", "reference_log_probabilities"))
    trained.requires_grad_(True)
    losses = torch.stack([
        prompt_loss(*parts, settings["beta"], settings["clipRange"])
        for parts in zip(trained, old, reference, dump["rewards"])])
    losses.sum().backward()
    table.add("loss of each prompt, in float64", relative(dump["losses"], losses.detach()), 1e-6)
    table.add("mean loss", relative(scalar(dump.record["loss"]), losses.mean().detach()), 1e-6)
    table.add("w_it, against autograd in float64", relative(dump["weights"], trained.grad), 1e-6)
    clipped = ((trained - old).abs() >= settings["clipRange"]).double().mean().item()
    ties = (dump["rewards"][:, :, None] == dump["rewards"][:, None, :]).double()
    ties.diagonal(dim1=1, dim2=2).zero_()
    count = axes["B"]
    tied = (ties.sum((1, 2)) / (count * (count - 1))).mean().item()
    table.add("fraction of clipped log-ratios", abs(clipped - dump.record["clipFraction"]), 1e-12)
    table.add("fraction of tied pairs", abs(tied - dump.record["tiedPairFraction"]), 1e-12)
    return f"{clipped:.2f} of the log-ratios clipped, {tied:.2f} of the pairs tied"


# (b) The log-probabilities and the gradient, through diffusers' UNet.

def make_unet(dump, model_folder):
    """The UNet with the weights from before the step, in float64, and what is trained in it."""
    unet = UNet2DConditionModel.from_config(
        UNet2DConditionModel.load_config(model_folder / "unet")).double()
    unet.load_state_dict({name: value.double() for name, value in dump.load("unet-before").items()})
    unet.requires_grad_(False)
    if dump.settings["training"] == "full":
        unet.requires_grad_(True)
        return unet, dict(unet.named_parameters())
    adapters = {name: value.double().requires_grad_(True)
                for name, value in dump.trained["before"].items()}
    for path, layer in unet.named_modules():
        if f"{path}.lora_A.weight" in adapters:
            layer.register_forward_hook(adding(
                adapters[f"{path}.lora_A.weight"], adapters[f"{path}.lora_B.weight"],
                dump.settings["loraScale"]))
    return unet, adapters


def adding(down, up, scale):
    """A hook that adds a layer's low-rank update to its output."""
    def hook(layer, inputs, output):
        x = inputs[0]
        if isinstance(layer, torch.nn.Conv2d):
            low = torch.nn.functional.conv2d(x, down, stride=layer.stride, padding=layer.padding)
            return output + scale * torch.nn.functional.conv2d(low, up)
        return output + scale * (x @ down.T @ up.T)
    return hook


def predicted(dump, unet, sample, timestep, context, pooled):
    """The prediction for latents [B, C, h, w] with the same context [L, D] for all of them."""
    conditions = None
    if pooled is not None:
        conditions = dict(text_embeds=pooled.double().expand(len(sample), -1),
                          time_ids=dump["sizes"].expand(len(sample), -1))
    return unet(sample, timestep.expand(len(sample)), context.double().expand(len(sample), -1, -1),
                added_cond_kwargs=conditions).sample


def guided(dump, unet, sample, timestep, prompt):
    """The prediction under classifier-free guidance for latents [B, C, h, w]."""
    scale, is_xl = dump.settings["guidance"], "pooled" in dump.tensors
    conditional = predicted(dump, unet, sample, timestep, dump["contexts"][prompt],
                            dump["pooled"][prompt] if is_xl else None)
    if scale == 1:
        return conditional
    empty = predicted(dump, unet, sample, timestep, dump["empty_contexts"][prompt],
                      dump["empty_pooled"][prompt] if is_xl else None)
    return empty + scale * (conditional - empty)


def mean_of_step(dump, sample, prediction, step):
    """DDIM's mean of x_{t-1}."""
    alpha, previous, sigma = (dump[name][step] for name in ("alphabar_t", "alphabar_prev", "sigma"))
    if dump.settings["predictionType"] == "v_prediction":
        clean = alpha.sqrt() * sample - (1 - alpha).sqrt() * prediction
        noise = alpha.sqrt() * prediction + (1 - alpha).sqrt() * sample
    else:
        clean = (sample - (1 - alpha).sqrt() * prediction) / alpha.sqrt()
        noise = prediction
    return previous.sqrt() * clean + (1 - previous - sigma ** 2).clamp(min=0).sqrt() * noise


def check_schedule(dump, table, model_folder):
    """Timesteps and alphas as diffusers' scheduler has them, and DDIM's sigma."""
    settings = dump.settings
    options = {} if settings["spacing"] == "file" else {"timestep_spacing": settings["spacing"]}
    scheduler = DDIMScheduler.from_pretrained(model_folder / "scheduler", **options)
    scheduler.set_timesteps(dump.axes["T"])
    previous = scheduler.timesteps - scheduler.config.num_train_timesteps // dump.axes["T"]
    alphas_previous = torch.where(
        previous >= 0, scheduler.alphas_cumprod[previous.clamp(min=0)],
        scheduler.final_alpha_cumprod)
    table.add("timesteps, against DDIMScheduler",
              (dump["timesteps"] - scheduler.timesteps).abs().max().item(), 0)
    table.add("alphabar_t", relative(dump["alphabar_t"],
                                     scheduler.alphas_cumprod[scheduler.timesteps]), 1e-5)
    table.add("alphabar_prev", relative(dump["alphabar_prev"], alphas_previous), 1e-5)
    alpha, previous = dump["alphabar_t"], dump["alphabar_prev"]
    sigma = settings["eta"] * ((1 - previous) / (1 - alpha) * (1 - alpha / previous)).sqrt()
    table.add("sigma", relative(dump["sigma"], sigma), 1e-12)


def trained_values(dump, unet):
    """Prompt, place among the trained steps, guided predictions and log-probabilities [B] of each."""
    for prompt in range(dump.axes["N"]):
        latents = dump["trajectories"][prompt].double()
        for place, step in enumerate(dump["trained_steps"].tolist()):
            prediction = guided(dump, unet, latents[step], dump["timesteps"][step],
                                prompt)
            mean = mean_of_step(dump, latents[step], prediction, step)
            values = -((latents[step + 1] - mean) ** 2).sum((1, 2, 3)) / (2 * dump["sigma"][step] ** 2)
            yield prompt, place, prediction, values


def check_gradient(dump, table, model_folder):
    unet, trained = make_unet(dump, model_folder)
    axes = dump.axes
    scale = 1 / (axes["C"] * axes["h"] * axes["w"]) if dump.settings["reduction"] == "mean" else 1
    log_probabilities = torch.zeros_like(dump["log_probabilities"])
    predictions = torch.zeros_like(dump["predictions"])
    for prompt, place, prediction, values in trained_values(dump, unet):
        (scale / axes["N"] * (dump["weights"][prompt, :, place] * values).sum()).backward()
        log_probabilities[prompt, :, place] = values.detach()
        predictions[prompt, :, place] = prediction.detach()
    gradient = {name: torch.zeros_like(value) if value.grad is None else value.grad
                for name, value in trained.items()}
    dumped = dump.load("gradient")
    table.add("guided predictions, through diffusers' UNet",
              relative(dump["predictions"], predictions), 1e-4)
    table.add("l_it", relative(dump["log_probabilities"], log_probabilities), 1e-5)
    table.add("gradient with the dumped w_it", relative_by_name(dumped, gradient), 1e-4)
    norm = torch.linalg.vector_norm(torch.cat([value.flatten() for value in dumped.values()]))
    table.add("norm of the gradient",
              relative(scalar(dump.record["gradientNorm"]), norm), 1e-9)


@torch.no_grad()
def check_reference(dump, table, model_folder):
    """The reference policy is the model as it lies in its folder."""
    unet = UNet2DConditionModel.from_pretrained(model_folder / "unet").double()
    log_probabilities = torch.zeros_like(dump["reference_log_probabilities"])
    for prompt, place, _, values in trained_values(dump, unet):
        log_probabilities[prompt, :, place] = values
    table.add("l_it under ref, by the model's own weights",
              relative(dump["reference_log_probabilities"], log_probabilities), 1e-5)


def check_noises(dump, table):
    """The trajectories start at the noise, and l under old is that of the noise that was added."""
    noises = dump["noises"].double()
    table.add("x_T, against the noise",
              relative(dump["trajectories"][:, 0], noises[:, :, 0]), 0)
    added = noises[:, :, dump["trained_steps"] + 1]
    table.add("l_it under old, against the noise",
              relative(dump["old_log_probabilities"], -(added ** 2).sum((3, 4, 5)) / 2), 1e-5)


# (c) The update.

def check_update(dump, table):
    options = dump.settings["optimizer"]
    state, after = dump.load("optimizer-before"), dump.load("optimizer-after")
    trained = dump.trained
    parameters = {name: torch.nn.Parameter(value.clone())
                  for name, value in trained["before"].items()}
    optimizer = torch.optim.AdamW(
        parameters.values(), lr=options["learningRate"], betas=(options["beta1"], options["beta2"]),
        eps=options["epsilon"], weight_decay=options["weightDecay"])
    gradient = dump.load("gradient")
    for name, parameter in parameters.items():
        parameter.grad = gradient[name].float()
        optimizer.state[parameter] = {
            key: state[f"{name}.{key}"].clone() for key in ("exp_avg", "exp_avg_sq", "step")}
    torch.nn.utils.clip_grad_norm_(parameters.values(), options["maxGradientNorm"])
    optimizer.step()
    table.add("weights after AdamW's step", relative_by_name(trained["after"], parameters), 1e-6)
    changes = ({name: value.detach().double() - trained["before"][name].double()
                for name, value in values.items()} for values in (trained["after"], parameters))
    table.add("change of the weights", relative_by_name(*changes), 1e-4)
    found = {f"{name}.{key}": optimizer.state[parameter][key]
             for name, parameter in parameters.items() for key in ("exp_avg", "exp_avg_sq", "step")}
    table.add("AdamW's state after", relative_by_name(after, found), 1e-6)


def check(folder, model_folder):
    """Compares one dump; returns how many comparisons failed."""
    dump = Dump(folder)
    settings = dump.settings
    print(f"{folder}: epoch {dump.record['epoch']}, inner step {dump.record['inner']}, "
          f"{settings['training']}, {settings['reduction']}, guidance {settings['guidance']:g}")
    table = Table()
    summary = check_loss(dump, table)
    check_schedule(dump, table, model_folder)
    check_noises(dump, table)
    check_gradient(dump, table, model_folder)
    check_reference(dump, table, model_folder)
    check_update(dump, table)
    print(f"  {summary}: " + ("all agree" if not table.failed else f"{table.failed} FAILED"))
    return table.failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dumps", nargs="+", help="folders that --dump-step wrote")
    parser.add_argument("model", type=pathlib.Path, help="the model that was trained, in diffusers' layout")
    arguments = parser.parse_args()
    sys.exit(1 if sum(check(folder, arguments.model) for folder in arguments.dumps) else 0)


if __name__ == "__main__":
    main()
