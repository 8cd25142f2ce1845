#!/usr/bin/env python3
"""A reward for tests: a number that follows from an image's bytes. `reward_program.py LOG [MODE VALUE]...`

LOG gets a line for each image asked about: the process id and the image's SHA-256. Modes:

    sleep SECONDS   before each answer
    lack PATH       where the file is, half of the images have no score
    die PATH        where the file is, ends with status 7 when it is asked
    stall PATH      where the file is, the first rank of a machine is answered and the others never
    drift NUMBER    each score is larger than the one before by the number
"""

import base64
import hashlib
import json
import os
import sys
import time

log, *words = sys.argv[1:]
modes = dict(zip(words[::2], words[1::2]))
count = 0
for line in sys.stdin:
    request = json.loads(line)
    hashes = [hashlib.sha256(base64.b64decode(image)).hexdigest() for image in request["images"]]
    with open(log, "a") as file:
        file.write("".join(f"{os.getpid()} {hash}\n" for hash in hashes))
    if os.path.exists(modes.get("die", "")):
        print("the model is gone", file=sys.stderr)
        sys.exit(7)
    if os.path.exists(modes.get("stall", "")) and os.environ["PRDP_LOCAL_RANK"] != "0":
        time.sleep(3600)
    time.sleep(float(modes.get("sleep", 0)))
    scores = [int(hash[:8], 16) / 2**32 for hash in hashes]
    if "drift" in modes:
        scores = [float(modes["drift"]) * (count + place) for place in range(len(hashes))]
        count += len(hashes)
    if os.path.exists(modes.get("lack", "")):
        scores = [None if place % 2 else score for place, score in enumerate(scores)]
    print(json.dumps({"id": request["id"], "scores": scores}), flush=True)
