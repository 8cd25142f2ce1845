"""Shows what TensorBoard sees of a folder of event files, as JSON on standard output.

    .venv/bin/python scripts/golden/check_tensorboard.py RUN/tensorboard

`events` is what its reader of event files joins, `server` what its web server answers. Needs
tensorboard, which `scripts/setup --golden` installs.
"""

import json
import logging
import os
import sys
import time
import urllib.parse
import urllib.request

# Another process may have claimed the faster implementation; this one is always there.
os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
logging.disable(logging.WARNING)

from tensorboard import program, version
from tensorboard.backend.event_processing import event_accumulator

folder = sys.argv[1]


def joined_events():
    """Scalars, images and histograms by tag: the step and the value of each."""
    everything = {kind: 0 for kind in event_accumulator.DEFAULT_SIZE_GUIDANCE}
    reader = event_accumulator.EventAccumulator(folder, size_guidance=everything)
    reader.Reload()
    tags = reader.Tags()
    return {
        "scalars": {
            tag: [(event.step, event.value) for event in reader.Scalars(tag)]
            for tag in tags["scalars"]},
        "images": {
            tag: [
                (event.step, event.width, event.height, len(event.encoded_image_string))
                for event in reader.Images(tag)]
            for tag in tags["images"]},
        "histograms": {
            tag: [
                (event.step, event.histogram_value.min, event.histogram_value.max,
                 sum(event.histogram_value.bucket))
                for event in reader.Histograms(tag)]
            for tag in tags["histograms"]},
    }


def steps_by_tag(scalars):
    return {tag: [step for step, _ in values] for tag, values in scalars.items()}


def server_answers(expected_scalars):
    """What the plugins of the web server say that a person sees in a browser."""
    board = program.TensorBoard()
    board.configure(logdir=folder, host="127.0.0.1", port=0)
    address = board.launch().rstrip("/")

    def get(path, **query):
        url = f"{address}/data/plugin/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read()

    # The server reads beside answering: it gets some seconds to come to the end.
    end = time.monotonic() + 30
    while True:
        scalars = {
            tag: [(step, value) for _, step, value in
                  json.loads(get("scalars/scalars", run=".", tag=tag))]
            for tag in json.loads(get("scalars/tags")).get(".", [])}
        if steps_by_tag(scalars) == steps_by_tag(expected_scalars) or time.monotonic() > end:
            break
        time.sleep(0.2)
    images = json.loads(get("images/tags"))["."]
    histograms = json.loads(get("histograms/tags"))["."]
    answers = {"scalars": scalars, "images": {}, "histograms": {}}
    for tag in images:
        for entry in json.loads(get("images/images", run=".", tag=tag, sample=0)):
            url = f"{address}/data/plugin/images/individualImage?{entry['query']}"
            with urllib.request.urlopen(url, timeout=30) as answer:
                is_png = answer.read(8) == b"\x89PNG\r\n\x1a\n"
            answers["images"].setdefault(tag, []).append((entry["step"], is_png))
    for tag in histograms:
        answers["histograms"][tag] = [
            (step, sum(count for _, _, count in buckets))
            for _, step, buckets in json.loads(get("histograms/histograms", run=".", tag=tag))]
    return answers


events = joined_events()
print(json.dumps(
    {"version": version.VERSION, "events": events, "server": server_answers(events["scalars"])}))
