#!/usr/bin/env python3
"""A reward for kind `command`: how bright a picture is, from 0 to 1.

rewards:
  - {name: brightness, kind: command, program: [python3, scripts/reward_example.py]}
"""

import base64
import io
import json
import sys

from PIL import Image, ImageStat

for line in sys.stdin:
    request = json.loads(line)
    scores = []
    for prompt, png in zip(request["prompts"], request["images"]):
        picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("L")
        scores.append(ImageStat.Stat(picture).mean[0] / 255)  # None: no score for this one.
    print(json.dumps({"id": request["id"], "scores": scores}), flush=True)
