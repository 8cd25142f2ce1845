#!/usr/bin/env python3
"""Writes Tests/Fixtures/open-clip: a tiny CLIP of open_clip's, saved as the checkpoints of HPS v2 are,
and the scores that hpsv2's img_score.py computes with it.

Run in a virtual environment that has open_clip_torch and torchvision beside the project's packages,
after scripts/golden/reward_golden.py, whose pictures and prompts it takes.

checkpoint.pt             {"state_dict": ...}, by torch.save
config.json, preprocessor_config.json    of the model in transformers' layout that it was made of
scores.safetensors        hpsv2: a score for each picture
"""

import json
import pathlib
import shutil

import open_clip
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPTokenizer

from reward_golden import DEVIATION, FIXTURES, MEAN, PROMPTS, SIDE, padded, pictures, randn

FOLDER = FIXTURES / "open-clip"
TEXT = dict(hidden_size=8, num_attention_heads=2, num_hidden_layers=2, intermediate_size=16,
            hidden_act="gelu", eos_token_id=2)
VISION = dict(hidden_size=12, num_attention_heads=2, num_hidden_layers=2, intermediate_size=24,
              hidden_act="gelu", image_size=SIDE, patch_size=4)


def main():
    torch.manual_seed(0)
    shutil.rmtree(FOLDER, ignore_errors=True)
    tokenizer = CLIPTokenizer.from_pretrained(FIXTURES / "tokenizer")
    sizes = dict(vocab_size=len(tokenizer), max_position_embeddings=tokenizer.model_max_length)
    model = CLIP(
        embed_dim=10,
        vision_cfg=CLIPVisionCfg(
            layers=2, width=12, head_width=6, mlp_ratio=2.0, patch_size=4, image_size=SIDE),
        text_cfg=CLIPTextCfg(
            context_length=16, vocab_size=len(tokenizer), width=8, heads=2, layers=2,
            mlp_ratio=2.0)).eval()
    with torch.no_grad():
        for index, parameter in enumerate(model.parameters()):
            parameter += 0.1 * randn(index, *parameter.shape)
        images = torch.stack([padded(picture) for picture in pictures()])
        # open_clip pads with 0, whatever that is.
        tokens = tokenizer(PROMPTS, truncation=True, max_length=16).input_ids
        tokens = torch.tensor([ids + [0] * (16 - len(ids)) for ids in tokens])
        logits = model.encode_image(images, normalize=True) @ model.encode_text(
            tokens, normalize=True).T
    CLIPConfig(text_config={**TEXT, **sizes}, vision_config=VISION, projection_dim=10
               ).save_pretrained(FOLDER)
    (FOLDER / "preprocessor_config.json").write_text(json.dumps(
        dict(crop_size=SIDE, size=SIDE, image_mean=MEAN, image_std=DEVIATION)) + "\n")
    torch.save({"state_dict": model.state_dict()}, FOLDER / "checkpoint.pt")
    save_file({"hpsv2": torch.diagonal(logits).contiguous()}, FOLDER / "scores.safetensors")
    versions = dict(open_clip=open_clip.__version__, torch=torch.__version__)
    (FOLDER / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
