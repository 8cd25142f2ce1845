#!/usr/bin/env python3
"""Checks that `prdp tokenize` gives the ids of transformers' CLIPTokenizer.

Run with the project's virtual environment:

    .venv/bin/python scripts/golden/check_tokenizer.py MODEL FILE [FILE ...]

Each line of each file is a prompt. Prints the number of prompts and the first that differ, and exits
with 1 where one does. $PRDP names the program, .build/release/prdp by default.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from transformers import CLIPTokenizer

ROOT = Path(__file__).parents[2]
PRDP = os.environ.get("PRDP", ROOT / ".build/release/prdp")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    model, *files = sys.argv[1:]
    text = "".join(
        Path(file).read_bytes().decode().removesuffix("\n") + "\n" for file in files)
    # A line ends with a line feed alone: other characters that end one are part of a prompt.
    prompts = text.removesuffix("\n").split("\n")
    result = subprocess.run(
        [PRDP, "tokenize", "--model", model], input=text.encode(), stdout=subprocess.PIPE,
        check=True)
    ours = [json.loads(line) for line in result.stdout.splitlines()]
    folder = Path(model) / "tokenizer"
    tokenizer = CLIPTokenizer.from_pretrained(folder if folder.is_dir() else model)
    theirs = tokenizer(
        [prompt.removesuffix("\r") for prompt in prompts], padding="max_length", truncation=True
    ).input_ids
    wrong = [triple for triple in zip(prompts, ours, theirs) if triple[1] != triple[2]]
    for prompt, found, expected in wrong[:10]:
        print(f"{prompt!r}\n  found    {found}\n  expected {expected}")
    print(f"{len(prompts)} prompts, {len(ours)} lists of ids, {len(wrong)} differ")
    sys.exit(1 if wrong or len(ours) != len(prompts) else 0)


if __name__ == "__main__":
    main()
