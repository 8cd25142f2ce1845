"""A guided sampling run by diffusers' networks and schedulers, from noise that is given."""

from unittest import mock

import torch
from diffusers import DDIMScheduler, StableDiffusionXLPipeline


def encode(pipe, prompts):
    """The contexts and conditions of the empty prompt and of the prompts, for a batch of both."""
    encoded = pipe.encode_prompt(
        prompts, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True)
    context = torch.cat([encoded[1], encoded[0]])
    if not isinstance(pipe, StableDiffusionXLPipeline):
        return context, None
    side = float(pipe.unet.config.sample_size * pipe.vae_scale_factor)
    sizes = torch.tensor([[side, side, 0.0, 0.0, side, side]] * 2 * len(prompts))
    return context, dict(text_embeds=torch.cat([encoded[3], encoded[2]]), time_ids=sizes)


def step(scheduler, prediction, timestep, sample, noise, eta):
    if isinstance(scheduler, DDIMScheduler):
        return scheduler.step(
            prediction, timestep, sample, eta=eta, variance_noise=noise).prev_sample
    # The others draw their noise themselves.
    with mock.patch(f"{type(scheduler).__module__}.randn_tensor", lambda *_, **__: noise):
        return scheduler.step(prediction, timestep, sample).prev_sample


@torch.no_grad()
def guided_run(pipe, prompts, noise, guidance, eta=1.0):
    """Latents [T + 1, B, C, h, w], as DDPM has them, and images [B, H, W, 3] in 0...1 of noise
    [B, T + 1, C, h, w]."""
    scheduler, steps = pipe.scheduler, noise.shape[1] - 1
    context, conditions = encode(pipe, prompts)
    scheduler.set_timesteps(steps)
    sample = noise[:, 0] * scheduler.init_noise_sigma
    latents = []
    for index, timestep in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(sample, timestep)
        latents.append(scaled)
        without, given = pipe.unet(
            torch.cat([scaled] * 2), timestep, context, added_cond_kwargs=conditions
        ).sample.chunk(2)
        prediction = without + guidance * (given - without)
        sample = step(scheduler, prediction, timestep, sample, noise[:, index + 1], eta)
    latents.append(sample)
    decoded = pipe.vae.decode(sample / pipe.vae.config.scaling_factor).sample
    return torch.stack(latents), pipe.image_processor.postprocess(decoded, output_type="np")
