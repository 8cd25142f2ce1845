#!/usr/bin/env python3
"""Writes Tests/Fixtures/models: three tiny models of the families of Stable Diffusion, 1.x, 2.x and
XL, as diffusers saves them, with what its networks and schedulers make of fixed inputs.

Run with the project's virtual environment: .venv/bin/python scripts/golden/model_golden.py

Between them the models have every option that is supported, both key forms of the text encoder
and both forms of the tokenizer. Every weight is moved off its start: a network whose biases are all
zero and whose scales are all one hides many a mistake. The vocabulary is the small one in
Tests/Fixtures/tokenizer. Beside each folder a safetensors file of the same name holds the goldens:

unet.*         an input, the output, and the gradients of sum(output * weight), made in float64
vae.*          an image and its moments, latents and their image
text.*         token ids, the last hidden states and the last but one
text_2.*       of the second text encoder also the pooled features
run.*          a guided sampling run: noise [B, T + 1, C, H, W] in, latents [T + 1, B, C, H, W] and
               the image [B, H, W, 3] in 0...1 out; latents as DDPM has them, of a variance of about 1
"""

import copy
import json
import pathlib
import platform
import shutil

import diffusers
import torch
import transformers
from diffusers import (
    AutoencoderKL, DDIMScheduler, DDPMScheduler, EulerAncestralDiscreteScheduler,
    StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer)

from diffusers_run import guided_run

FIXTURES = pathlib.Path(__file__).parents[2] / "Tests/Fixtures"
PROMPTS = ["a small red circle", "a large blue star above a ring"]
STEPS, GUIDANCE = 20, 3.0
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
    "two-encoders": dict(
        unet=dict(
            sample_size=8, block_out_channels=(4, 8, 12), layers_per_block=1, norm_num_groups=2,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16, attention_head_dim=(1, 2, 3),
            transformer_layers_per_block=(1, 1, 2), use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=12 + 6 * 4),
        vae=dict(
            block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, sample_size=16,
            mid_block_add_attention=True, scaling_factor=0.13, force_upcast=True),
        text=dict(hidden_act="quick_gelu"),
        second_text=dict(hidden_act="gelu", projection_dim=12),
        scheduler=EulerAncestralDiscreteScheduler(
            num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012,
            beta_schedule="scaled_linear"),
        has_prefix=True, has_tokenizer_json=False),
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
        eos_token_id=tokenizer.eos_token_id, **options["text"])
    levels = len(options["vae"]["block_out_channels"])
    kind, rest = StableDiffusionPipeline, dict(safety_checker=None, requires_safety_checker=False)
    if "second_text" in options:
        second = CLIPTextConfig(**{**text.to_dict(), **options["second_text"]})
        kind, rest = StableDiffusionXLPipeline, dict(
            tokenizer_2=CLIPTokenizer.from_pretrained(FIXTURES / "tokenizer", pad_token="!"),
            text_encoder_2=moved(CLIPTextModelWithProjection(second), 4), add_watermarker=False)
    return kind(
        unet=moved(UNet2DConditionModel(**options["unet"]), 1),
        vae=moved(AutoencoderKL(
            **options["vae"], down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels), 2),
        text_encoder=moved(CLIPTextModel(text), 3),
        tokenizer=tokenizer, scheduler=options["scheduler"], feature_extractor=None, **rest)


def unet_golden(unet):
    # In float64: some gradients are small sums of large terms, which float32 gets to three digits.
    unet = copy.deepcopy(unet).double()
    # Rows and columns differ, so that none is taken for the other.
    sample = randn(11, 2, 4, 16, 8).double().requires_grad_()
    context = randn(12, 2, 5, unet.config.cross_attention_dim).double().requires_grad_()
    timesteps = torch.tensor([3.0, 741.0])
    conditions, addition = {}, None
    if unet.config.addition_embed_type is not None:
        sizes = torch.tensor([[32.0, 24.0, 1.0, 2.0, 30.0, 20.0], [8.0, 9.0, 0.0, 0.0, 10.0, 11.0]])
        conditions = dict(pooled=randn(14, 2, 12).double(), sizes=sizes)
        addition = dict(text_embeds=conditions["pooled"], time_ids=sizes)
    output = unet(sample, timesteps, context, added_cond_kwargs=addition).sample
    weight = randn(13, *output.shape)
    (output * weight).sum().backward()
    return dict(
        sample=sample, context=context, timesteps=timesteps, weight=weight, output=output,
        **conditions,
        **{"gradient.sample": sample.grad, "gradient.context": context.grad},
        **{f"gradient.parameter.{name}": p.grad for name, p in unet.named_parameters()})


def vae_golden(vae):
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    images, latents = randn(21, 2, 3, 4 * factor, 2 * factor), randn(22, 2, 4, 4, 2)
    posterior = vae.encode(images).latent_dist
    return dict(
        images=images, mean=posterior.mean, logVariance=posterior.logvar,
        latents=latents, decoded=vae.decode(latents).sample)


def text_golden(tokenizer, encoder):
    ids = tokenizer(
        PROMPTS, padding="max_length", truncation=True, return_tensors="pt").input_ids
    outputs = encoder(ids, output_hidden_states=True)
    golden = dict(
        tokens=ids, output=outputs.last_hidden_state, penultimate=outputs.hidden_states[-2])
    if isinstance(encoder, CLIPTextModelWithProjection):
        golden["pooled"] = outputs.text_embeds
        # Files from before transformers knew the token say 2, and mean that of the highest id.
        legacy = copy.deepcopy(encoder)
        legacy.text_model.eos_token_id = 2
        golden["pooledLegacy"] = legacy(ids).text_embeds
    return golden


def run_golden(pipe):
    noise = randn(31, len(PROMPTS), STEPS + 1, 4, 8, 8)
    latents, images = guided_run(pipe, PROMPTS, noise, GUIDANCE)
    return dict(noise=noise, latents=latents, image=torch.from_numpy(images))


def save(name, options):
    folder = FIXTURES / "models" / name
    pipe = pipeline(options)
    pipe.save_pretrained(folder, safe_serialization=True)
    # transformers 5 leaves the prefix out where there is no projection.
    if options["has_prefix"]:
        weights = folder / "text_encoder/model.safetensors"
        tensors = {f"text_model.{key}": value for key, value in load_file(weights).items()}
        save_file(tensors, weights, metadata={"format": "pt"})
    if not options["has_tokenizer_json"]:
        for tokenizer in folder.glob("tokenizer*"):
            shutil.rmtree(tokenizer)
            shutil.copytree(FIXTURES / "tokenizer", tokenizer)
        # As Stable Diffusion XL's second one has it.
        for file in folder.glob("tokenizer_2/*_*.json"):
            file.write_text(json.dumps({**json.loads(file.read_text()), "pad_token": "!"}, indent=2))
    parts = dict(unet=unet_golden(pipe.unet))
    with torch.no_grad():
        parts["vae"] = vae_golden(pipe.vae)
        parts["run"] = run_golden(pipe)
        parts["text"] = text_golden(pipe.tokenizer, pipe.text_encoder)
        if isinstance(pipe, StableDiffusionXLPipeline):
            parts["text_2"] = text_golden(pipe.tokenizer_2, pipe.text_encoder_2)
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
