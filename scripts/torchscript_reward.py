#!/usr/bin/env python3
"""Writes a reward for prdp's `torchscript`: the share of the colour that the prompt names.

    .venv/bin/python scripts/torchscript_reward.py reward.pt
"""

import sys
from typing import List

import torch


class ColourShare(torch.nn.Module):
    # Leave `prompts` out where they do not matter.
    def forward(self, images: torch.Tensor, prompts: List[str]) -> torch.Tensor:
        """float32 [B, 3, H, W] in 0...1, and a prompt for each, to a score for each: [B]."""
        means = images.mean(dim=[2, 3])
        shares = means / means.sum(dim=1, keepdim=True).clamp(min=1e-6)
        scores = torch.zeros(len(prompts), device=images.device)
        for index, prompt in enumerate(prompts):
            for channel, colour in enumerate(["red", "green", "blue"]):
                if colour in prompt:
                    scores[index] += shares[index, channel]
        return scores


torch.jit.script(ColourShare()).save(sys.argv[1])
