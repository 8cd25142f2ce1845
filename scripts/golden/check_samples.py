#!/usr/bin/env python3
"""Checks that diffusers draws what `prdp sample` drew, from the same noise.

Run with the project's virtual environment, after

    prdp sample --model DIR --prompts FILE --noise NOISE --save-trajectory TRAJECTORY \\
        --guidance G --eta E [--lora LORA] --output IMAGES
    .venv/bin/python scripts/golden/check_samples.py --model DIR --prompts FILE --noise NOISE \\
        --trajectory TRAJECTORY --guidance G --eta E [--lora LORA] [--kohya FILE]

LORA is loaded with load_lora_weights; a Kohya file is compared, by names and values, with what
diffusers' own converter makes of it. Prints each relative difference (the norm of the difference
over the norm) and exits with 1 where one is above 1e-4. FILE has a prompt a line, each drawn once;
an eta other than 1 is for DDIM's steps alone.
"""

import argparse
import pathlib
import sys

import torch
from diffusers import (
    DDIMScheduler, DDPMScheduler, DiffusionPipeline, EulerAncestralDiscreteScheduler)
from diffusers.utils import convert_state_dict_to_kohya
from safetensors.torch import load_file

from diffusers_run import guided_run

TOLERANCE = 1e-4


def difference(ours, theirs):
    ours, theirs = torch.as_tensor(ours).double(), torch.as_tensor(theirs).double()
    if ours.shape != theirs.shape:
        return float("inf")
    distance = (ours - theirs).norm()
    return 0.0 if distance == 0 else (distance / theirs.norm()).item()


def kohya_differences(lora, kohya):
    """Of all names and values; alphas are the file's own, since the converter takes the rank."""
    theirs, ours = convert_state_dict_to_kohya(load_file(lora)), load_file(kohya)
    if set(ours) != set(theirs):
        names = sorted(set(ours) ^ set(theirs))
        print(f"names in one of the two only: {names[:4]}")
        return float("inf")
    differences = [
        difference(ours[name], theirs[name]) for name in ours if not name.endswith("alpha")]
    return max(differences, key=lambda value: float("inf") if value != value else value)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "prompts", "noise", "trajectory"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    for name in ("lora", "kohya"):
        parser.add_argument(f"--{name}", type=pathlib.Path)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--eta", type=float, default=1.0)
    arguments = parser.parse_args()
    if arguments.kohya and not arguments.lora:
        parser.error("--kohya needs --lora, which it is compared with")

    pipe = DiffusionPipeline.from_pretrained(
        arguments.model, safety_checker=None, feature_extractor=None)
    if type(pipe.scheduler) not in (
            DDIMScheduler, DDPMScheduler, EulerAncestralDiscreteScheduler):
        pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
    if arguments.lora:
        pipe.load_lora_weights(arguments.lora)
    given, ours = load_file(arguments.noise), load_file(arguments.trajectory)
    noise = torch.cat([given["initial"][:, None], given["steps"].transpose(0, 1)], dim=1)
    prompts = [line for line in arguments.prompts.read_text().splitlines() if line.strip()]
    latents, images = guided_run(pipe, prompts, noise, arguments.guidance, arguments.eta)

    differences = dict(
        latents=difference(ours["latents"], latents),
        last=difference(ours["latents"][-1], latents[-1]),
        images=difference(ours["images"], images))
    if arguments.kohya:
        differences["kohya"] = kohya_differences(arguments.lora, arguments.kohya)
    for name, value in differences.items():
        print(f"{name}: {value:.1e}")
    # Written so that NaN fails.
    sys.exit(0 if all(value <= TOLERANCE for value in differences.values()) else 1)


if __name__ == "__main__":
    main()
