#!/usr/bin/env python3
"""Writes Tests/Fixtures/models: two tiny Stable Diffusion models, as diffusers saves them, with
what its networks and schedulers make of fixed inputs.

Run with the project's virtual environment: .venv/bin/python scripts/golden/model_golden.py

Between them the two models have every option that is supported, both key forms of the text encoder
and both forms of the tokenizer. Every weight is moved off its start: a network whose biases are all
zero and whose scales are all one hides many a mistake. The vocabulary is the small one in
Tests/Fixtures/tokenizer. Beside each folder a safetensors file of the same name holds the goldens:

unet.*         an input, the output, and the gradients of sum(output * weight), made in float64
vae.*          an image and its moments, latents and their image
text.*         token ids and the last hidden states
run.*          a guided sampling run: noise [B, T + 1, C, H, W] in, latents [T + 1, B, C, H, W] and
               the image [B, H, W, 3] out
"""

import copy
import json
import pathlib
import platform
import shutil
from unittest import mock

import diffusers
import torch
import transformers
from diffusers import (
    AutoencoderKL, DDIMScheduler, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

FIXTURES = pathlib.Path(__file__).parents[2] / "Tests/Fixtures"
PROMPTS = ["a small red circle", "a large blue star above a ring"]
STEPS, GUIDANCE = 10, 3.0
SCHEDULE = dict(
    num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
    clip_sample=False, timestep_spacing="leading", steps_offset=1)

MODELS = {
    "two-levels": dict(
        unet=dict(
            sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=8, attention_head_dim=2),
        vae=dict(
            block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, sample_size=16,
            mid_block_add_attention=True),
        text=dict(hidden_act="quick_gelu"),
        scheduler=DDIMScheduler(**SCHEDULE, set_alpha_to_one=False),
        has_prefix=False, has_tokenizer_json=False),
    "three-levels": dict(
        unet=dict(
            sample_size=8, block_out_channels=(4, 8, 12), layers_per_block=2, norm_num_groups=2,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=8, attention_head_dim=(1, 2, 3),
            transformer_layers_per_block=(2, 1, 1), use_linear_projection=True, norm_eps=1e-4,
            flip_sin_to_cos=False, freq_shift=1),
        vae=dict(
            block_out_channels=(4, 8, 12), layers_per_block=2, norm_num_groups=2, sample_size=32,
            mid_block_add_attention=False, scaling_factor=0.5),
        text=dict(hidden_act="gelu", layer_norm_eps=1e-4),
        scheduler=DDPMScheduler(**SCHEDULE, prediction_type="v_prediction"),
        has_prefix=True, has_tokenizer_json=True),
}


def randn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def moved(model, seed):
    with torch.no_grad():
        for index, parameter in enumerate(model.parameters()):
            parameter += 0.1 * randn(1000 * seed + index, *parameter.shape)
    return model.eval()


def pipeline(options):
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(FIXTURES / "tokenizer")
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=16, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=tokenizer.model_max_length,
        **options["text"])
    levels = len(options["vae"]["block_out_channels"])
    return StableDiffusionPipeline(
        unet=moved(UNet2DConditionModel(**options["unet"]), 1),
        vae=moved(AutoencoderKL(
            **options["vae"], down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels), 2),
        text_encoder=moved(CLIPTextModel(text), 3),
        tokenizer=tokenizer, scheduler=options["scheduler"], safety_checker=None,
        feature_extractor=None, requires_safety_checker=False)


def unet_golden(unet):
    # In float64: some gradients are small sums of large terms, which float32 gets to three digits.
    unet = copy.deepcopy(unet).double()
    # Rows and columns differ, so that none is taken for the other.
    sample = randn(11, 2, 4, 16, 8).double().requires_grad_()
    context = randn(12, 2, 5, 8).double().requires_grad_()
    timesteps = torch.tensor([3.0, 741.0])
    output = unet(sample, timesteps, context).sample
    weight = randn(13, *output.shape)
    (output * weight).sum().backward()
    return dict(
        sample=sample, context=context, timesteps=timesteps, weight=weight, output=output,
        **{"gradient.sample": sample.grad, "gradient.context": context.grad},
        **{f"gradient.parameter.{name}": p.grad for name, p in unet.named_parameters()})


def vae_golden(vae):
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    images, latents = randn(21, 2, 3, 4 * factor, 2 * factor), randn(22, 2, 4, 4, 2)
    posterior = vae.encode(images).latent_dist
    return dict(
        images=images, mean=posterior.mean, logVariance=posterior.logvar,
        latents=latents, decoded=vae.decode(latents).sample)


def run_golden(pipe):
    scheduler = pipe.scheduler
    noise = randn(31, len(PROMPTS), STEPS + 1, 4, 8, 8)

    def features(prompts):
        ids = pipe.tokenizer(
            prompts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        return ids, pipe.text_encoder(ids).last_hidden_state

    ids, context = features(PROMPTS)
    _, empty = features([""] * len(PROMPTS))
    scheduler.set_timesteps(STEPS)
    latents = [noise[:, 0]]
    for index, timestep in enumerate(scheduler.timesteps):
        both = pipe.unet(
            torch.cat([latents[-1]] * 2), timestep, torch.cat([empty, context])).sample
        without, given = both.chunk(2)
        prediction = without + GUIDANCE * (given - without)
        step_noise = noise[:, index + 1]
        if isinstance(scheduler, DDIMScheduler):
            step = scheduler.step(
                prediction, timestep, latents[-1], eta=1.0, variance_noise=step_noise)
        else:
            # DDPMScheduler draws its noise itself.
            with mock.patch(
                    "diffusers.schedulers.scheduling_ddpm.randn_tensor",
                    lambda *_, **__: step_noise):
                step = scheduler.step(prediction, timestep, latents[-1])
        latents.append(step.prev_sample)
    decoded = pipe.vae.decode(latents[-1] / pipe.vae.config.scaling_factor).sample
    image = pipe.image_processor.postprocess(decoded, output_type="np")
    return dict(
        noise=noise, latents=torch.stack(latents),
        image=torch.from_numpy((image * 255).round().astype("uint8")),
    ), dict(tokens=ids, output=context)


def save(name, options):
    folder = FIXTURES / "models" / name
    pipe = pipeline(options)
    pipe.save_pretrained(folder, safe_serialization=True)
    if options["has_prefix"]:
        weights = folder / "text_encoder/model.safetensors"
        tensors = {f"text_model.{key}": value for key, value in load_file(weights).items()}
        save_file(tensors, weights, metadata={"format": "pt"})
    if not options["has_tokenizer_json"]:
        shutil.rmtree(folder / "tokenizer")
        shutil.copytree(FIXTURES / "tokenizer", folder / "tokenizer")
    parts = dict(unet=unet_golden(pipe.unet))
    with torch.no_grad():
        parts["vae"] = vae_golden(pipe.vae)
        parts["run"], parts["text"] = run_golden(pipe)
    goldens = {
        f"{part}.{key}": (value.float() if value.is_floating_point() else value).detach().contiguous()
        for part, values in parts.items() for key, value in values.items()}
    save_file(goldens, FIXTURES / f"models/{name}.safetensors")


def main():
    torch.set_num_threads(1)
    shutil.rmtree(FIXTURES / "models", ignore_errors=True)
    for name, options in MODELS.items():
        save(name, options)
    versions = dict(
        diffusers=diffusers.__version__, transformers=transformers.__version__,
        torch=torch.__version__, python=platform.python_version())
    (FIXTURES / "models/versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
