#!/usr/bin/env python3
"""Writes a Stable Diffusion of full size with random weights, to measure memory and time with.

    .venv/bin/python scripts/random_model.py sd-1.5 models/random-sd-1.5 [--dtype float16]

The architectures are those of Stable Diffusion 1.5, 2.1 (768 pixels) and XL; the vocabulary is
CLIP's own, from the wheel clip-anytorch. `scripts/setup --golden` installs what this needs.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import torch
from diffusers import (
    AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler, StableDiffusionPipeline,
    StableDiffusionXLPipeline, UNet2DConditionModel)
from transformers import (
    CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer)

SCHEDULE = dict(
    num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
    steps_offset=1)
SMALL_TEXT = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                  num_attention_heads=12, hidden_act="quick_gelu", projection_dim=768)
FAMILIES = {
    "sd-1.5": dict(
        unet=dict(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        scaling_factor=0.18215, pad="<|endoftext|>", text=SMALL_TEXT,
        scheduler=PNDMScheduler(**SCHEDULE, skip_prk_steps=True)),
    "sd-2.1": dict(
        unet=dict(sample_size=96, cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20),
                  use_linear_projection=True),
        scaling_factor=0.18215, pad="!",
        text=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23,
                  num_attention_heads=16, hidden_act="gelu", projection_dim=512),
        scheduler=DDIMScheduler(
            **SCHEDULE, clip_sample=False, set_alpha_to_one=False, prediction_type="v_prediction")),
    "sdxl": dict(
        unet=dict(
            sample_size=128, block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10), attention_head_dim=(5, 10, 20),
            cross_attention_dim=2048, use_linear_projection=True, addition_embed_type="text_time",
            addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816),
        scaling_factor=0.13025, pad="<|endoftext|>", text=SMALL_TEXT,
        second_text=dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32,
                         num_attention_heads=20, hidden_act="gelu", projection_dim=1280),
        scheduler=EulerDiscreteScheduler(**SCHEDULE)),
}


def byte_characters():
    """The character that stands for each byte in CLIP's vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + index) for index in range(len(others))]


def write_tokenizer(folder):
    """vocab.json and merges.txt as CLIP's own tokenizer has them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as download:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", download,
             "clip-anytorch==2.6.0"], check=True)
        wheel = next(pathlib.Path(download).glob("*.whl"))
        packed = zipfile.ZipFile(wheel).read("clip/bpe_simple_vocab_16e6.txt.gz")
    # Line 0 is a header; 256 bytes, as many with a word's end, and two signs make 49,408.
    merges = gzip.decompress(packed).decode().split("\n")[1:49152 - 256 - 2 + 1]
    characters = byte_characters()
    tokens = characters + [character + "</w>" for character in characters]
    tokens += [merge.replace(" ", "") for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    (folder / "vocab.json").write_text(
        json.dumps({token: index for index, token in enumerate(tokens)}, ensure_ascii=False))
    return folder


def text_configuration(options):
    return CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, **options)


def build(family, folder, dtype):
    options = FAMILIES[family]
    levels = ("DownEncoderBlock2D",) * 4, ("UpDecoderBlock2D",) * 4
    with tempfile.TemporaryDirectory() as vocabulary:
        tokenizer = CLIPTokenizer.from_pretrained(
            write_tokenizer(pathlib.Path(vocabulary)), model_max_length=77, pad_token=options["pad"])
        parts = dict(
            unet=UNet2DConditionModel(**options["unet"]),
            vae=AutoencoderKL(
                block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
                down_block_types=levels[0], up_block_types=levels[1],
                sample_size=8 * options["unet"]["sample_size"],
                scaling_factor=options["scaling_factor"]),
            text_encoder=CLIPTextModel(text_configuration(options["text"])),
            tokenizer=tokenizer, scheduler=options["scheduler"], feature_extractor=None)
        if "second_text" in options:
            pipe = StableDiffusionXLPipeline(
                **parts, tokenizer_2=CLIPTokenizer.from_pretrained(
                    vocabulary, model_max_length=77, pad_token="!"), add_watermarker=False,
                text_encoder_2=CLIPTextModelWithProjection(
                    text_configuration(options["second_text"])))
        else:
            pipe = StableDiffusionPipeline(
                **parts, safety_checker=None, requires_safety_checker=False)
        pipe.to(dtype=getattr(torch, dtype)).save_pretrained(folder)
        # transformers 5 writes tokenizer.json alone; models have these two.
        for name in ("tokenizer", "tokenizer_2"):
            if (folder / name).is_dir():
                for file in pathlib.Path(vocabulary).iterdir():
                    (folder / name / file.name).write_bytes(file.read_bytes())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "bfloat16"])
    arguments = parser.parse_args()
    torch.manual_seed(0)
    build(arguments.family, arguments.folder, arguments.dtype)


if __name__ == "__main__":
    main()
