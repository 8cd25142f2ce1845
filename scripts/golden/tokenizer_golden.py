#!/usr/bin/env python3
"""Writes Tests/Fixtures/tokenizer.json: token ids of hard texts, by transformers' CLIPTokenizer.

Run with the project's virtual environment: .venv/bin/python scripts/golden/tokenizer_golden.py

The vocabulary is the small one in Tests/Fixtures/tokenizer, which CLIPVocabulary.build made; that
transformers loads it is part of what is shown. The variants are the same vocabulary under other
tokenizer_config.json files, as models in use have them. Tests/Fixtures/tokenizer-json is what
transformers 5 saves of it.
"""

import json
import pathlib
import platform
import random
import shutil
import tempfile

import tokenizers
import transformers
from transformers import CLIPTokenizer

FIXTURES = pathlib.Path(__file__).parents[2] / "Tests/Fixtures"
START, END = "<|startoftext|>", "<|endoftext|>"

HARD = [
    "", " ", "\t\n\r\v\f", "a", "A", "an", "a a", "  a   a  ", "a\u00a0a", "a\u2003\u3000a", "a\u200ba",
    "a small red circle above a large blue star on a white background", "starlight", "moonlight", "startle", "zz", "zzzz", "zzzzzzz",
    "smalls", "a small-red circle", "circle,square", "red/green/blue", "(red)", "\"red\"", "red.", "red...",
    "don't", "DON'T", "it's", "we'll", "they're", "I've", "I'm", "he'd", "'sup", "'s", "''s", "!'s", "'", "''",
    "rock 'n' roll", "o\u2019clock", "l'ete", "1", "12", "1234567890", "3.14", "1,000", "\u0661\u0662\u0663",
    "x\u00b2", "\u00bd", "\u2167", "\u4e8c", "caf\u00e9", "cafe\u0301", "e\u0301\u0302", "\u0301", "a\u0301\u0327",
    "\u1e9b\u0323", "\u212b", "\u00c5", "A\u030a", "\ufb01sh", "\u00df", "\u1e9e", "STRASSE", "\u0130stanbul",
    "I\u0131", "\u03a3\u03a3", "\u039f\u0394\u039f\u03a3", "\u01c5", "\u01c4", "na\u00efve", "\u00d1and\u00fa",
    "\u4f60\u597d\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f", "\u304b\u3099", "\u30ab\u3099\u30ae", "\ud55c\uad6d\uc5b4",
    "\u1112\u1161\u11ab", "\uac00\u11a8", "a\u088fb", "a\ua7ceb", "a\u0897\u0334b", "\u08ca\u0327\u0301", "e\u1df6\u0316\u0301", "\U00011935\U00011930", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u05e9\u05c1\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627", "\u041f\u0440\u0438\u0432\u0435\u0442", "\U0001f600", "a \U0001f600 star",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\U0001f1e9\U0001f1ea", "\U0001d400\U0001d7d8",
    "\u2603", "\u20ac5", "$5", "50%", "a_b", "a__b", "#red", "@red", "red&blue", "a+b=c", "<red>", "a\\b", "`red`",
    "\u2014", "a\u2014a", "\u2026", "\u201cred\u201d", "\u00ab a \u00bb", "\x00", "a\x00a", "\x1c\x1d\x1e\x1f", "\x85", "\x7f",
    "\ufeffa", "\u200e", "\u00ad", "\u2028a\u2029", "\ue000", "\U000e0001", "\U0010ffff", "\ufffd",
    START, END, "a" + END + "a", "a " + END + " a", "A<|ENDOFTEXT|>A", "A<|ENDOFTEXT|>!!A", "<|StartOfText|>", "<<|endoftext|>>",
    "<|endoftext", "|endoftext|>", END + END, START + "red" + END, "x<|startoftext|><|ENDOFTEXT|>", "<|", "|>",
    "!", "a!", "!!!", "a!b!c", "! a", "red!" * 5,
    "supercalifragilisticexpialidocious", "a" * 40, "ab" * 30, "red " * 30, "!?" * 20, "1" * 20, "star" * 12,
    "a\nsmall\tred\r\ncircle", "A SMALL RED CIRCLE", "a  small   red    circle", "small red circle ",
    " small red circle", "redcircle", "RedCircle", "red-circle", "red_circle", "red circle.", "red,circle",
]


def random_texts(count):
    """Letters, signs, digits, marks and spaces of many scripts, thrown together."""
    generator = random.Random(7)
    pools = [
        "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!?.,;:'\"()[]{}<>|/\\@#$%^&*-_=+~`", "    \t\n",
        "\u00e0\u00e9\u00ee\u00f5\u00fc\u00c0\u00c9\u00ce\u00d5\u00dc\u00df\u0130\u0131\u01c5\u1e9e", "\u0300\u0301\u0302\u0303\u0308\u0323\u0327\u0345",
        "\u0391\u0392\u03a3\u03c2\u03c3\u0416\u0436\u05d0\u0627\u0915\u0e01\u4e00\u3042\u30a2\uac00\u1100\u1161\u11a8",
        "\U0001f600\U0001f44d\U0001f3fd\u200d\ufe0f\u2764\u20ac\u2014\u201c\u201d\u00bd\u2167\u0663",
    ]
    words = ["small", "red", "star", "circle", "'s", "'ll", "n't", END, "<|EndOfText|>"]
    for _ in range(count):
        parts = []
        for _ in range(generator.randint(1, 12)):
            parts.append(generator.choice(words) if generator.random() < 0.25 else generator.choice(generator.choice(pools)))
        yield "".join(parts)


def added(content, normalized):
    return {"__type": "AddedToken", "content": content, "lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False}


# The contents of tokenizer_config.json, special_tokens_map.json and added_tokens.json; None for no file.
VARIANTS = {
    "Stable Diffusion 1": (dict(bos_token=added(START, True), eos_token=added(END, True), unk_token=added(END, True), pad_token=END), None, None),
    "Stable Diffusion 2": (dict(bos_token=added(START, True), eos_token=added(END, True), unk_token=added(END, True), pad_token="!"), None, None),
    "names alone": (dict(), dict(pad_token="!"), None),
    "map overruled by the list": (dict(pad_token=END, added_tokens_decoder={"604": dict(content=END, normalized=True, special=True)}), dict(pad_token="!"), None),
    "placeholders": (dict(added_tokens_decoder={
        "605": dict(content="<Cat>", lstrip=False, normalized=True, rstrip=False, single_word=False, special=False),
        "606": dict(content="<Cat>s", lstrip=False, normalized=True, rstrip=False, single_word=False, special=False)}), None, None),
    "an older placeholder": (dict(), None, {END: 604, "<Cat>": 605}),
    "an older placeholder, and the end named": (dict(eos_token=END), None, {END: 604, "<Cat>": 605}),
}
VARIANT_TEXTS = ["", "red!", "a!!b", "A<|ENDOFTEXT|>!!A", "a" + END + "a", "<|StartOfText|>red", "a<cat>b", "a <CAT> b", "<|endoftext|>!<cat>", "<cat>s <cat>t"]


def variant(name, configuration, special_tokens_map, added_tokens):
    configuration = {"model_max_length": 8, **configuration}
    with tempfile.TemporaryDirectory() as folder:
        for file in ("vocab.json", "merges.txt"):
            shutil.copy(FIXTURES / "tokenizer" / file, folder)
        files = dict(tokenizer_config=configuration, special_tokens_map=special_tokens_map, added_tokens=added_tokens)
        for file, contents in files.items():
            if contents is not None:
                (pathlib.Path(folder) / f"{file}.json").write_text(json.dumps(contents))
        tokenizer = CLIPTokenizer.from_pretrained(folder)
    return dict(name=name, **files, cases=cases(tokenizer, VARIANT_TEXTS))


def cases(tokenizer, texts):
    return [
        dict(text=text, unpadded=tokenizer(text).input_ids,
             padded=tokenizer(text, padding="max_length", truncation=True).input_ids)
        for text in texts
    ]


def main():
    tokenizer = CLIPTokenizer.from_pretrained(FIXTURES / "tokenizer")
    texts = HARD + list(random_texts(200))
    fixture = dict(
        versions=dict(transformers=transformers.__version__, tokenizers=tokenizers.__version__, python=platform.python_version()),
        cases=cases(tokenizer, texts),
        variants=[variant(name, *files) for name, files in VARIANTS.items()])
    text = json.dumps(fixture, separators=(",", ":")).replace('{"text"', '\n{"text"')
    (FIXTURES / "tokenizer.json").write_text(text + "\n")
    with tempfile.TemporaryDirectory() as folder:
        CLIPTokenizer.from_pretrained(FIXTURES / "tokenizer").save_pretrained(folder)
        target = FIXTURES / "tokenizer-json"
        target.mkdir(exist_ok=True)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            contents = json.loads((pathlib.Path(folder) / file).read_text())
            (target / file).write_text(json.dumps(contents, separators=(",", ":"), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
