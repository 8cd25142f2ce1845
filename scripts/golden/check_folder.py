#!/usr/bin/env python3
"""Checks that diffusers loads a model folder that we wrote and gets our outputs from it.

Run with the project's virtual environment:

    .venv/bin/python scripts/golden/check_folder.py FOLDER PROMPT OUTPUTS [FOLDER PROMPT OUTPUTS ...]

OUTPUTS is a safetensors file with the inputs that we gave the networks (`sample`, `timesteps`,
`image`, of XL `sizes`) and what came out: the prompt's `tokens`, `context` and of XL `pooled`, the
UNet's `prediction`, the autoencoder's `mean`, `logVariance` and `decoded`. Prints the relative
difference of each and exits with 1 where one is above 1e-5, or tokens differ.
"""

import sys

import torch
from diffusers import DiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file

TOLERANCE = 1e-5


@torch.no_grad()
def recomputed(folder, prompt, ours):
    pipe = DiffusionPipeline.from_pretrained(folder)
    tokens = pipe.tokenizer(
        prompt, padding="max_length", truncation=True, return_tensors="pt").input_ids
    conditions, condition_outputs = None, {}
    if isinstance(pipe, StableDiffusionXLPipeline):
        context, _, pooled, _ = pipe.encode_prompt(
            prompt, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False)
        conditions = dict(text_embeds=ours["pooled"], time_ids=ours["sizes"])
        condition_outputs = dict(pooled=pooled)
    else:
        context = pipe.text_encoder(tokens).last_hidden_state
    posterior = pipe.vae.encode(ours["image"]).latent_dist
    return dict(
        tokens=tokens,
        context=context,
        prediction=pipe.unet(
            ours["sample"], ours["timesteps"], ours["context"], added_cond_kwargs=conditions).sample,
        mean=posterior.mean, logVariance=posterior.logvar,
        decoded=pipe.vae.decode(ours["sample"]).sample, **condition_outputs)


def agrees(folder, prompt, outputs):
    ours = load_file(outputs)
    result = True
    for name, theirs in recomputed(folder, prompt, ours).items():
        if theirs.shape != ours[name].shape:
            print(f"{name}: shape {list(ours[name].shape)}, diffusers has {list(theirs.shape)}")
            result = False
            continue
        difference = ((ours[name] - theirs).double().norm() / theirs.double().norm()).item()
        limit = 0 if name == "tokens" else TOLERANCE
        print(f"{name}: {difference:.1e}")
        result = result and difference <= limit
    return result


def main():
    arguments = sys.argv[1:]
    if not arguments or len(arguments) % 3:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    cases = [arguments[start:start + 3] for start in range(0, len(arguments), 3)]
    sys.exit(0 if all([agrees(*case) for case in cases]) else 1)


if __name__ == "__main__":
    main()
