#!/usr/bin/env python3
"""Makes safetensors of reward models that are published as pickles, which prdp never reads.

    .venv/bin/python scripts/convert_reward.py aesthetic HEAD.pth models/aesthetic.safetensors
    .venv/bin/python scripts/convert_reward.py hpsv2 HPS_v2.1_compressed.pt LAION models/hpsv2

HEAD is LAION's linear or MLP head. LAION is the folder of the model that HPS v2 was made of,
CLIP-ViT-H-14-laion2B-s32B-b79K, for its config.json, tokenizer and preprocessor_config.json; its
weights are not looked at. `scripts/setup --golden` installs what this needs.
"""

import argparse
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel

# What open_clip and transformers call the same, towers and layers apart.
TOWERS = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.": "vision_model.pre_layrnorm.",
    "visual.ln_post.": "vision_model.post_layernorm.",
    "visual.transformer.resblocks.": "vision_model.encoder.layers.",
    "visual.proj": "visual_projection.weight",
    "token_embedding.": "text_model.embeddings.token_embedding.",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.": "text_model.final_layer_norm.",
    "transformer.resblocks.": "text_model.encoder.layers.",
    "text_projection": "text_projection.weight",
    "logit_scale": "logit_scale",
}
LAYERS = {
    ".ln_1.": ".layer_norm1.", ".ln_2.": ".layer_norm2.", ".attn.out_proj.": ".self_attn.out_proj.",
    ".mlp.c_fc.": ".mlp.fc1.", ".mlp.c_proj.": ".mlp.fc2.",
}


def renamed(state):
    """The tensors of open_clip's CLIP under transformers' names."""
    tensors = {}
    for key, value in state.items():
        start = max((name for name in TOWERS if key.startswith(name)), key=len)
        name = TOWERS[start] + key[len(start):]
        for old, new in LAYERS.items():
            name = name.replace(old, new)
        layer, found, kind = name.partition(".attn.in_proj_")
        if found:
            for part, rows in zip("qkv", value.chunk(3)):
                tensors[f"{layer}.self_attn.{part}_proj.{kind}"] = rows.clone()
        else:
            # open_clip multiplies by its projections from the left.
            tensors[name] = value.T.contiguous() if "projection" in name else value
    return tensors


def read(path):
    # Without code: weights only.
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state.get("state_dict", state)


def convert_hpsv2(checkpoint, base, folder):
    model = CLIPModel(CLIPConfig.from_pretrained(base))
    model.load_state_dict(renamed(read(checkpoint)))
    for file in [*base.glob("*.json"), *base.glob("*.txt")]:
        if ".index." not in file.name:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder)
    model.save_pretrained(folder)


def convert_aesthetic(checkpoint, file):
    save_file({key: value.contiguous() for key, value in read(checkpoint).items()}, file)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, paths in [("aesthetic", ["checkpoint", "file"]),
                        ("hpsv2", ["checkpoint", "base", "folder"])]:
        arguments = kinds.add_parser(kind)
        for path in paths:
            arguments.add_argument(path, type=pathlib.Path)
    arguments = vars(parser.parse_args())
    dict(aesthetic=convert_aesthetic, hpsv2=convert_hpsv2)[arguments.pop("kind")](**arguments)


if __name__ == "__main__":
    main()
