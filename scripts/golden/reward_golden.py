#!/usr/bin/env python3
"""Writes Tests/Fixtures/rewards: two tiny CLIP models as transformers saves them, heads on them,
TorchScript modules, and what transformers, Pillow and the rewards' own code make of fixed pictures.

Run with the project's virtual environment: .venv/bin/python scripts/golden/reward_golden.py

`legacy` has what files of before 2023 have: quick_gelu, an end token of 2, text_config_dict. `split`
has gelu, its weights in float16 and in shards, the processor in processor_config.json, and tokens
in tokenizer.json. Weights are moved off their start, as in model_golden.py. Beside each folder a
safetensors file holds its goldens; pictures.safetensors has those of no model:

picture.N      the pictures, uint8 [H, W, 3]
resized.N.HxW  by Pillow's bicubic
jpeg.N         bytes at quality 95, encoded by Pillow
pixels         [N, 3, 20, 20] as transformers prepares them
padded.N       as HPS v2 prepares them for a side of 20: hpsv2's own code, with torch for torchvision
"""

import io
import json
import pathlib
import platform
import shutil
from typing import List

import numpy
import PIL
import torch
import transformers
from PIL import Image, features
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel, CLIPProcessor, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

FIXTURES = pathlib.Path(__file__).parents[2] / "Tests/Fixtures"
REWARDS = FIXTURES / "rewards"
# Rows and columns: larger and smaller than a network's 20, square, wide, tall, odd.
SIZES = [(20, 20), (40, 40), (45, 61), (61, 33), (27, 20), (9, 9), (13, 90)]
TARGETS = [(20, 20), (7, 5), (23, 31), (45, 14), (1, 1)]
SIDE = 20
PROMPTS = ["a small red circle", "a large blue star above a ring", "a small red circle", "moon",
           "", "a " * 30, "red"]
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pictures():
    """Smooth colours, and noise that overshoots when it is resized."""
    generator = numpy.random.default_rng(0)
    for index, (height, width) in enumerate(SIZES):
        rows, columns = numpy.mgrid[0:1:height * 1j, 0:1:width * 1j]
        smooth = numpy.stack([rows, columns, 0.5 + 0.5 * numpy.sin(7 * rows * columns)], axis=-1)
        noise = generator.integers(0, 2, (height, width, 3))
        share = [0, 0.3, 1][index % 3]
        yield (255 * ((1 - share) * smooth + share * noise)).round().astype(numpy.uint8)


def padded(picture, side=SIDE):
    """ResizeMaxSize of hpsv2 1.2.0, src/open_clip/transform.py, after ToTensor, and Normalize."""
    image = torch.from_numpy(picture).permute(2, 0, 1).float().div(255)
    height, width = image.shape[1:]
    scale = side / float(max(height, width))
    if scale != 1.0:
        size = tuple(round(dim * scale) for dim in (height, width))
        # torchvision's resize of a tensor, whose antialias is on since 0.17.
        image = torch.nn.functional.interpolate(
            image[None], size=size, mode="bicubic", align_corners=False, antialias=True)[0]
    rows, columns = side - image.shape[1], side - image.shape[2]
    image = torch.nn.functional.pad(
        image, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
    return (image - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]


def picture_golden(processor):
    golden = dict(pixels=processor(images=list(map(Image.fromarray, pictures())),
                                   return_tensors="pt").pixel_values)
    for index, picture in enumerate(pictures()):
        image = Image.fromarray(picture)
        golden[f"picture.{index}"] = torch.from_numpy(picture)
        for height, width in TARGETS:
            resized = image.resize((width, height), resample=Image.Resampling.BICUBIC)
            golden[f"resized.{index}.{height}x{width}"] = torch.from_numpy(numpy.array(resized))
        file = io.BytesIO()
        image.save(file, format="JPEG", quality=95)
        golden[f"jpeg.{index}"] = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
        golden[f"padded.{index}"] = padded(picture).contiguous()
    save_file(golden, REWARDS / "pictures.safetensors")


MODELS = {
    "legacy": dict(
        text=dict(hidden_act="quick_gelu", hidden_size=8, num_attention_heads=2, eos_token_id=2),
        vision=dict(hidden_act="quick_gelu", hidden_size=12, num_attention_heads=3, patch_size=4),
        projection_dim=6, dtype=torch.float32),
    "split": dict(
        text=dict(hidden_act="gelu", hidden_size=12, num_attention_heads=3, eos_token_id=604,
                  layer_norm_eps=1e-4),
        vision=dict(hidden_act="gelu", hidden_size=8, num_attention_heads=2, patch_size=6,
                    layer_norm_eps=1e-4),
        projection_dim=10, dtype=torch.float16),
}


def build(options, tokenizer):
    sizes = dict(num_hidden_layers=2, intermediate_size=20)
    text = dict(vocab_size=len(tokenizer), max_position_embeddings=tokenizer.model_max_length)
    model = CLIPModel(CLIPConfig(
        text_config={**sizes, **text, **options["text"]},
        vision_config={**sizes, "image_size": SIDE, **options["vision"]},
        projection_dim=options["projection_dim"], logit_scale_init_value=3.21))
    with torch.no_grad():
        for index, parameter in enumerate(model.parameters()):
            parameter += 0.1 * randn(index, *parameter.shape)
    return model.to(options["dtype"]).float().eval()


def save(name, model, options, tokenizer, processor):
    """As the file formats of each age have it."""
    folder = REWARDS / name
    model.to(options["dtype"]).save_pretrained(folder, max_shard_size="12kB")
    model.float()
    if name == "split":
        CLIPProcessor(processor, tokenizer).save_pretrained(folder)
        return
    shutil.copytree(FIXTURES / "tokenizer", folder, dirs_exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(dict(
        crop_size=SIDE, size=SIDE, do_center_crop=True, do_normalize=True, do_resize=True, resample=3,
        image_mean=MEAN, image_std=DEVIATION)) + "\n")
    shards = sorted(folder.glob("model-*.safetensors"))
    tensors = {key: value for shard in shards for key, value in load_file(shard).items()}
    for file in [*shards, folder / "model.safetensors.index.json"]:
        file.unlink()
    # Once part of every model.
    tensors["vision_model.embeddings.position_ids"] = torch.arange(26)[None]
    tensors["text_model.embeddings.position_ids"] = torch.arange(16)[None]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    configuration = json.loads((folder / "config.json").read_text())
    configuration["vision_config_dict"] = configuration["vision_config"]
    configuration["vision_config"] = dict(configuration["vision_config"], hidden_act="gelu")
    configuration["text_config_dict"] = None
    (folder / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")


class Head(torch.nn.Module):
    """The MLP of kvablack/ddpo-pytorch, aesthetic_scorer.py, narrower."""

    def __init__(self, width):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(width, 9), torch.nn.Dropout(0.2), torch.nn.Linear(9, 7),
            torch.nn.Dropout(0.2), torch.nn.Linear(7, 5), torch.nn.Dropout(0.1),
            torch.nn.Linear(5, 4), torch.nn.Linear(4, 1))

    def forward(self, x):
        return self.layers(x)


def score_golden(name, model, tokenizer, processor):
    """The scores as the model card of PickScore_v1, hpsv2's img_score.py, torchmetrics' CLIPScore
    (a hundredth, not cut off) and ddpo-pytorch's aesthetic_scorer.py compute them."""
    images = [Image.fromarray(picture) for picture in pictures()]
    pixels = processor(images=images, return_tensors="pt").pixel_values
    texts = tokenizer(
        PROMPTS, padding=True, truncation=True, return_tensors="pt", max_length=16)
    image = model.get_image_features(pixel_values=pixels).pooler_output
    text = model.get_text_features(**texts).pooler_output
    hps = model.get_image_features(
        pixel_values=torch.stack([padded(picture) for picture in pictures()])).pooler_output
    normed = [x / torch.norm(x, dim=-1, keepdim=True) for x in (image, text, hps)]
    golden = {
        "image": normed[0], "text": normed[1],
        "clip-score": torch.diagonal(normed[0] @ normed[1].T),
        "pickscore": torch.diagonal(model.logit_scale.exp() * (normed[1] @ normed[0].T)),
        "hpsv2": torch.diagonal(normed[2] @ normed[1].T)}
    for kind, head in [("mlp", Head(image.shape[1])), ("linear", torch.nn.Linear(image.shape[1], 1))]:
        for parameter in head.parameters():
            parameter.mul_(3)
        save_file(head.state_dict(), REWARDS / f"{name}-{kind}.safetensors")
        if (name, kind) == ("legacy", "mlp"):
            # As it is published.
            torch.save(head.state_dict(), REWARDS / f"{name}-{kind}.pth")
        golden[f"aesthetic-{kind}"] = head.eval()(normed[0]).squeeze(1)
    save_file(
        {key: value.contiguous() for key, value in golden.items()},
        REWARDS / f"{name}.safetensors")


class Contrast(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.std(dim=[1, 2, 3])


class Hollow(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean(dim=[1, 2, 3])
        return torch.where(means < 0.5, means, float("nan"))


class Length(torch.nn.Module):
    def forward(self, images: torch.Tensor, prompts: List[str], scale: float = 2.0) -> torch.Tensor:
        for prompt in prompts:
            assert prompt != "wrong", "no score for this prompt"
        return scale * images.mean(dim=[1, 2, 3]) + torch.tensor([float(len(p)) for p in prompts])


class Maps(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=1)


class Number(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> float:
        return float(images.mean())


class Pair(torch.nn.Module):
    def forward(self, images: torch.Tensor, count: int) -> torch.Tensor:
        return images.mean(dim=[1, 2, 3]) * count


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shutil.rmtree(REWARDS, ignore_errors=True)
    REWARDS.mkdir()
    tokenizer = CLIPTokenizer.from_pretrained(FIXTURES / "tokenizer")
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    picture_golden(processor)
    for name, options in MODELS.items():
        model = build(options, tokenizer)
        save(name, model, options, tokenizer, processor)
        with torch.no_grad():
            score_golden(name, model, tokenizer, processor)
    for module in [Contrast, Hollow, Length, Maps, Number, Pair]:
        torch.jit.script(module()).save(REWARDS / f"{module.__name__.lower()}.pt")
    versions = dict(
        transformers=transformers.__version__, torch=torch.__version__, pillow=PIL.__version__,
        libjpeg_turbo=features.version("libjpeg_turbo"), python=platform.python_version())
    (REWARDS / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
