"""Training state: does training go on the same way?

The losses of the next steps are compared with the producer's own continuation.
"""

import copy

from ckptcell import inputs, steps
from ckptcell.cases.base import Case, Unsupported
from ckptcell.torch_save import SavedLegacy

__all__ = [
    "ResumeAdam",
    "ResumeAdamLegacy",
    "ResumeAdamwAmsgrad",
    "ResumeFull",
    "ResumeFullLegacy",
    "ResumeGradscaler",
    "ResumeGradscalerEmpty",
    "ResumeLostBuffer",
    "ResumeSgd",
]

# Every optimizer imports it when it is made, since torch 2.0.
IMPORTS = ("torch._dynamo",)


class _Training(Case):
    """Model and optimizer after some steps, and the losses of the next three."""

    family = "training"
    state_is_all = True
    policy = {"resume": {"rtol": 1e-9, "atol": 0.0}}
    # Mapped they are read as trusted is; only resume_adam trains memory-mapped state.
    modes = ("plain", "restricted", "trusted")
    before = 2

    def build(self):
        """Model, optimizer and scheduler before any training; the scheduler may be None."""
        raise NotImplementedError(self.name)

    def make(self):
        model, optimizer, scheduler = self.build()
        steps.train(model, optimizer, self.before, scheduler)
        state = {
            "epoch": self.before,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        if scheduler is not None:
            state["scheduler"] = scheduler.state_dict()
        return state

    def resume(self, obj):
        return steps.continued(obj, self.build)


class ResumeAdam(_Training):
    """Model and Adam, also from memory-mapped state, which training writes to."""

    name = "resume_adam"
    title = "Model and Adam, continued for three steps"
    modes = None

    def build(self):
        import torch

        model = steps.network(self.device)
        return model, torch.optim.Adam(model.parameters(), lr=0.05), None


class ResumeAdamLegacy(SavedLegacy, ResumeAdam):
    """Training that goes on in an older release."""

    name = "resume_adam_legacy"
    title = "Model and Adam in the legacy stream format, continued for three steps"
    format = "legacy"
    modes = None
    # What a file asks for is looked up in a zip file only.
    cures = ()
    variant_of = "resume_adam"
    cure = "legacy_format"


class ResumeAdamwAmsgrad(_Training):
    """A third buffer, and weight decay apart from the gradient."""

    name = "resume_adamw_amsgrad"
    title = "Model and AdamW with amsgrad and weight decay, continued for three steps"

    def build(self):
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=0.05, weight_decay=0.1, amsgrad=True, betas=(0.8, 0.95)
        )
        return model, optimizer, None


class ResumeSgd(_Training):
    """Model, SGD with momentum and a schedule after three steps, in the middle of an interval."""

    name = "resume_sgd"
    title = "Model, SGD with momentum and StepLR, continued for three steps"
    before = 3

    def build(self):
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        return model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)


class ResumeLostBuffer(_Training):
    """A control: the loading code forgets the optimizer, and the losses have to show it.

    The momentum is gone, so the loss is the same before the first step and another after it.
    """

    name = "resume_lost_buffer"
    family = "user-mistakes"
    title = "Model and SGD with momentum, continued without the optimizer's state"
    modes = ("plain", "trusted")
    expect = {"verdict": "changed", "reasons": ["resume_diverged"]}

    def build(self):
        import torch

        model = steps.network(self.device)
        return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), None

    def load(self, path, mode):
        self.forgets = True
        return super(ResumeLostBuffer, self).load(path, mode)

    def resume(self, obj):
        if not getattr(self, "forgets", False):
            return steps.continued(obj, self.build)
        state = copy.deepcopy(obj)
        model, optimizer, _ = self.build()
        model.load_state_dict(state["model"])
        return steps.train(model, optimizer, 3)


class ResumeFull(_Training):
    """All that tutorials tell people to keep: model, optimizer, schedule, epoch, random states."""

    name = "resume_full"
    title = "Model, AdamW, StepLR, epoch and random states, continued for three noisy steps"

    def build(self):
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
        return model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

    def make(self):
        import random

        import torch

        torch.manual_seed(20)
        random.seed(20)
        state = super(ResumeFull, self).make()
        # Plain lists, which weights_only takes in every version that has it.
        version, words, gauss = random.getstate()
        state["python_random"] = [version, list(words), gauss]
        state["torch_random"] = torch.get_rng_state()
        return state

    def resume(self, obj):
        import random

        import torch

        state = copy.deepcopy(obj)
        model, optimizer, scheduler = self.build()
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        version, words, gauss = state["python_random"]
        random.setstate((version, tuple(words), gauss))
        torch.set_rng_state(state["torch_random"].cpu())

        def disturb(batch):
            noise = torch.rand(batch.shape, dtype=torch.float64).to(batch.device)
            return batch + noise * random.random()  # noqa: S311 - drawn to be compared

        return steps.train(model, optimizer, 3, scheduler, disturb)


def _scaler(device, **options):
    """A GradScaler for the device; on the CPU it exists since torch 2.3 (pytorch#111559)."""
    import torch

    kind = device.split(":")[0]
    general = getattr(getattr(torch, "amp", None), "GradScaler", None)
    if general is not None:
        return general(kind, init_scale=4.0, growth_interval=3, **options)
    return torch.cuda.amp.GradScaler(init_scale=4.0, growth_interval=3, **options)


class ResumeFullLegacy(SavedLegacy, ResumeFull):
    """All of a training, for an older release to go on with."""

    name = "resume_full_legacy"
    title = "All of a training in the legacy stream format, continued for three noisy steps"
    format = "legacy"
    modes = None
    # What a file asks for is looked up in a zip file only.
    cures = ()
    variant_of = "resume_full"
    cure = "legacy_format"


class ResumeGradscaler(_Training):
    """The scale of losses and how long ago it grew.

    A scaler that is off, as that of an older torch is without a GPU, loads a state without a word
    and scales by one.
    """

    name = "resume_gradscaler"
    title = "Model, SGD and GradScaler, continued for three steps whose losses are scaled"
    needs = ("torch.cuda.amp.GradScaler",)
    loader = ("torch.cuda.amp.GradScaler",)

    def build(self):
        import torch

        model = steps.network(self.device)
        return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), None

    def make(self):
        model, optimizer, _ = self.build()
        scaler = _scaler(self.device)
        if not scaler.is_enabled():
            msg = "the GradScaler of this torch is off without a GPU"
            raise Unsupported(msg)
        _train_scaled(model, optimizer, scaler, 2)
        return {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scaler": scaler.state_dict(),
        }

    def resume(self, obj):
        state = copy.deepcopy(obj)
        model, optimizer, _ = self.build()
        scaler = _scaler(self.device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        return _train_scaled(model, optimizer, scaler, 3)


def _train_scaled(model, optimizer, scaler, count):
    """Losses as they are scaled before each step."""
    import torch

    device = inputs.place_of(model)
    features = inputs.numbers(steps.BATCH, 4, dtype=torch.float64, device=device)
    targets = inputs.numbers(steps.BATCH, 2, offset=5, dtype=torch.float64, device=device)
    losses = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = scaler.scale(((model(features) - targets) ** 2).mean())
        loss.backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(float(loss.detach()))
    return losses


class ResumeGradscalerEmpty(Case):
    """What a run without mixed precision keeps of its scaler, loaded where the scaler is on."""

    name = "resume_gradscaler_empty"
    family = "user-mistakes"
    title = "State of a GradScaler that was off, loaded into one that is on"
    needs = ("torch.cuda.amp.GradScaler",)
    loader = ("torch.cuda.amp.GradScaler",)
    modes = ("plain", "trusted")
    expect = {"verdict": "failed", "reasons": ["missing_keys"]}

    def make(self):
        return {"epoch": 2, "scaler": _scaler(self.device, enabled=False).state_dict()}

    def load(self, path, mode):
        state = super(ResumeGradscalerEmpty, self).load(path, mode)
        scaler = _scaler(self.device)
        if not scaler.is_enabled():
            # Before torch 2.3 there is none for the CPU, and one for CUDA is off without a GPU.
            msg = "a GradScaler that is on, without a GPU"
            raise Unsupported(msg)
        scaler.load_state_dict(state["scaler"])
        return state
