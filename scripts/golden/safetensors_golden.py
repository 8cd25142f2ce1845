#!/usr/bin/env python3
"""Writes the safetensors file that SafetensorsTests compares with, by the reference implementation.

    .venv/bin/python scripts/golden/safetensors_golden.py

Element i of a tensor is i - 2, or i % 2 for BOOL and i for U8. The versions used are in versions.json.
"""

import json
import pathlib
import sys

import safetensors
import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Tests/Fixtures/safetensors"


def ramp(shape, dtype):
    count = torch.Size(shape).numel()
    values = torch.arange(count)
    if dtype == torch.bool:
        values = values % 2
    elif dtype != torch.uint8:
        values = values - 2
    return values.to(dtype).reshape(shape)


TENSORS = {
    "bool": ramp([3], torch.bool),
    "u8": ramp([5], torch.uint8),
    "i8": ramp([3], torch.int8),
    "i16": ramp([3], torch.int16),
    "i32": ramp([3], torch.int32),
    "i64": ramp([3], torch.int64),
    "f16": ramp([3], torch.float16),
    "bf16": ramp([3], torch.bfloat16),
    "f32.matrix": ramp([2, 3], torch.float32),
    "f32.empty": ramp([0, 4], torch.float32),
    "f64.number": ramp([], torch.float64),
    'name "with\\" \n\x01 ünïcödé 🟥': ramp([1], torch.float32),
}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_file(TENSORS, FOLDER / "golden.safetensors", metadata={"format": "pt"})
    versions = {
        "python": sys.version.split()[0],
        "safetensors": safetensors.__version__,
        "torch": torch.__version__,
    }
    (FOLDER / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
