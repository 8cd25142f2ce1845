#!/usr/bin/env python3
"""Writes Tests/Fixtures/schedule.json: noise schedules, timesteps and steps as diffusers has them.

Run with the project's virtual environment: .venv/bin/python scripts/golden/schedule_golden.py

A case's steps are numbers of diffusers' own `step`, probed: with float64 alphas (float32 values
widened, so that rounding does not hide a wrong formula), the mean is linear in the sample and in
the prediction, so step(x = 1, prediction = 0) without noise gives one coefficient, step(0, 1) the
other, and the noise's factor is the standard deviation.
"""

import json
import pathlib
import platform

import diffusers
import numpy
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EulerAncestralDiscreteScheduler

FIXTURE = pathlib.Path(__file__).parents[2] / "Tests/Fixtures/schedule.json"
STABLE_DIFFUSION = dict(
    num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
    clip_sample=False)


def schedule(name, **options):
    options = {**STABLE_DIFFUSION, **options}
    values = DDIMScheduler(**options).alphas_cumprod
    places = sorted({0, 1, 2, len(values) // 3, len(values) // 2, len(values) - 1})
    return dict(
        name=name, config=options, sum=values.double().sum().item(),
        values=[[place, values[place].item()] for place in places])


def timesteps(spacing, offset):
    """Some lists in full, and one number over every step count that diffusers can use."""
    scheduler = DDIMScheduler(**STABLE_DIFFUSION, timestep_spacing=spacing, steps_offset=offset)
    twin = DDPMScheduler(**STABLE_DIFFUSION, timestep_spacing=spacing, steps_offset=offset)
    lists, checksum, refused = [], 0, []
    for count in range(1, 1001):
        scheduler.set_timesteps(count)
        twin.set_timesteps(count)
        steps = scheduler.timesteps.tolist()
        assert steps == twin.timesteps.tolist()
        if len(steps) != count or max(steps) > 999 or min(steps) < 0:
            refused.append(count)
            continue
        checksum = (checksum * 31 + sum((i + 1) * t for i, t in enumerate(steps))) % 2**31
        if count in (1, 2, 3, 7, 10, 30, 48):
            lists.append(steps)
    return dict(spacing=spacing, offset=offset, lists=lists, checksum=checksum, refused=refused)


def probe(scheduler, timestep, sample, prediction, noise, **options):
    def tensor(value):
        return torch.full((1, 1, 1, 1), value, dtype=torch.float64)

    if isinstance(scheduler, DDIMScheduler):
        options["variance_noise"] = tensor(noise)
    else:
        import diffusers.schedulers.scheduling_ddpm as module
        module.randn_tensor = lambda *_, **__: tensor(noise)
    return scheduler.step(tensor(prediction), timestep, tensor(sample), **options)[0].item()


def plan(scheduler_class, count, eta, **options):
    options = {**STABLE_DIFFUSION, **options}
    scheduler = scheduler_class(**options)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    if scheduler_class is DDIMScheduler:
        scheduler.final_alpha_cumprod = scheduler.final_alpha_cumprod.double()
        arguments = dict(eta=eta, return_dict=False)
    else:
        scheduler.one = scheduler.one.double()
        arguments = dict(return_dict=False)
    scheduler.set_timesteps(count)
    steps = []
    for timestep in scheduler.timesteps.tolist():
        parts = [probe(scheduler, timestep, *unit, **arguments)
                 for unit in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]
        steps.append([timestep, *parts])
    config = dict(_class_name=scheduler_class.__name__, **options)
    return dict(scheduler=scheduler_class.__name__, config=config, count=count, eta=eta, steps=steps)


def euler_plan(count, **options):
    """The steps of x_t as DDPM has it; the scheduler's own sample is x_t / sqrt(alphabar_t), and
    computes in float32 whatever it is given."""
    import diffusers.schedulers.scheduling_euler_ancestral_discrete as module

    options = {key: value for key, value in {**STABLE_DIFFUSION, **options}.items()
               if key != "clip_sample"}
    scheduler = EulerAncestralDiscreteScheduler(**options)
    scheduler.set_timesteps(count)
    signals = 1 / (scheduler.sigmas.double() ** 2 + 1).sqrt()
    steps = []
    for index, timestep in enumerate(scheduler.timesteps):
        parts = []
        for sample, prediction, noise in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)):
            scheduler._step_index = index
            scheduler.is_scale_input_called = True
            module.randn_tensor = lambda *_, **__: torch.full((1,), noise)
            step = scheduler.step(
                torch.full((1,), prediction), timestep, torch.full((1,), sample), return_dict=False)
            parts.append((step[0].double() * signals[index + 1]).item())
        steps.append([timestep.item(), parts[0] / signals[index].item(), *parts[1:]])
    config = dict(_class_name="EulerAncestralDiscreteScheduler", **options)
    start = (scheduler.init_noise_sigma * signals[0]).item()
    return dict(scheduler="EulerAncestralDiscreteScheduler", config=config, count=count, eta=1.0,
                steps=steps, start=start)


def main():
    leading = dict(timestep_spacing="leading", steps_offset=1, set_alpha_to_one=False)
    trailing = dict(timestep_spacing="trailing", set_alpha_to_one=False)
    linspace = dict(timestep_spacing="linspace", set_alpha_to_one=False)
    velocity = dict(prediction_type="v_prediction")
    ddpm = dict(timestep_spacing="leading", steps_offset=1)
    fixture = dict(
        versions=dict(
            diffusers=diffusers.__version__, torch=torch.__version__, numpy=numpy.__version__,
            python=platform.python_version()),
        schedules=[
            schedule("Stable Diffusion"),
            schedule("DDPM", beta_start=0.0001, beta_end=0.02, beta_schedule="linear"),
            schedule("cosine", beta_schedule="squaredcos_cap_v2"),
            schedule("odd count", num_train_timesteps=37),
            schedule("zero terminal SNR", rescale_betas_zero_snr=True,
                     prediction_type="v_prediction"),
            schedule("explicit", num_train_timesteps=3, trained_betas=[0.1, 0.2, 0.3]),
        ],
        timesteps=[timesteps("leading", 1), timesteps("leading", 0), timesteps("trailing", 0),
                   timesteps("linspace", 0)],
        plans=[
            plan(DDIMScheduler, 10, 1.0, **leading),
            plan(DDIMScheduler, 7, 0.5, **leading),
            plan(DDIMScheduler, 10, 1.0, **trailing),
            plan(DDIMScheduler, 30, 1.0, **trailing),
            plan(DDIMScheduler, 10, 1.0, **linspace),
            plan(DDIMScheduler, 10, 1.0, **leading, **velocity),
            plan(DDIMScheduler, 10, 0.3, **trailing, **velocity),
            plan(DDIMScheduler, 5, 1.0, timestep_spacing="leading", set_alpha_to_one=True),
            plan(DDPMScheduler, 10, 1.0, **ddpm),
            plan(DDPMScheduler, 10, 1.0, **ddpm, **velocity),
            plan(DDPMScheduler, 7, 1.0, timestep_spacing="linspace"),
            plan(DDIMScheduler, 10, 1.0, **trailing, **velocity, rescale_betas_zero_snr=True),
            euler_plan(10),
            euler_plan(7, timestep_spacing="leading", steps_offset=1),
            euler_plan(10, timestep_spacing="trailing", **velocity),
        ])
    lines = json.dumps(fixture).replace('{"scheduler"', '\n{"scheduler"').replace('{"name"', '\n{"name"')
    FIXTURE.write_text(lines + "\n")


if __name__ == "__main__":
    main()
