"""Learning-rate schedules: their state dicts are their attributes, which come and go."""

from ckptcell import steps
from ckptcell.cases.base import Case

__all__ = [
    "ResumeLambdaLost",
    "ResumeScheduler",
    "ResumeSchedulerCosine",
    "ResumeSchedulerCyclic",
    "ResumeSchedulerLambda",
    "ResumeSchedulerMultistep",
    "ResumeSchedulerPlateau",
    "ResumeSchedulerSequential",
    "ResumeSchedulerSwa",
    "Warmup",
]

# Every optimizer imports it when it is made, since torch 2.0.
IMPORTS = ("torch._dynamo",)


class Warmup(object):
    """A factor that grows for some steps: an object, whose attributes LambdaLR keeps."""

    def __init__(self, over):
        self.over = over

    def __call__(self, epoch):
        return min(1.0, (epoch + 1) / float(self.over))


class _Schedule(Case):
    """Model, SGD with momentum and a scheduler in the middle of its schedule."""

    family = "training"
    state_is_all = True
    policy = {"resume": {"rtol": 1e-9, "atol": 0.0}}
    modes = ("plain", "restricted", "trusted")

    def schedule(self, schedulers, optimizer):
        """The scheduler, of the module ``torch.optim.lr_scheduler``."""
        raise NotImplementedError(self.name)

    def build(self):
        """Model, optimizer and scheduler before any training."""
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        return model, optimizer, self.schedule(torch.optim.lr_scheduler, optimizer)

    def make(self):
        model, optimizer, scheduler = self.build()
        steps.train(model, optimizer, 3, scheduler)
        return {
            "epoch": 3,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
        }

    def resume(self, obj):
        return steps.continued(obj, self.build, 4)


class ResumeScheduler(_Schedule):
    """Its state held a bound method before torch 2.4 (pytorch#123775).

    A bound method brings its object along: the scheduler, and with it the optimizer
    (pytorch#42376).
    """

    name = "resume_scheduler"
    title = "Model, SGD and OneCycleLR, continued for four steps"

    def schedule(self, schedulers, optimizer):
        return schedulers.OneCycleLR(optimizer, max_lr=0.3, total_steps=10)


class ResumeSchedulerCosine(_Schedule):
    """Each rate comes from the one before, so an error would grow."""

    name = "resume_scheduler_cosine"
    title = "Model, SGD and CosineAnnealingLR, continued for four steps"

    def schedule(self, schedulers, optimizer):
        return schedulers.CosineAnnealingLR(optimizer, T_max=6, eta_min=0.001)


class ResumeSchedulerCyclic(_Schedule):
    """Its state held a weak reference in some versions, which cannot be saved (pytorch#88684)."""

    name = "resume_scheduler_cyclic"
    title = "Model, SGD and CyclicLR, continued for four steps"

    def schedule(self, schedulers, optimizer):
        return schedulers.CyclicLR(optimizer, base_lr=0.05, max_lr=0.2, step_size_up=2)


class ResumeSchedulerLambda(_Schedule):
    """A function is left out of the state, an object is kept by its attributes."""

    name = "resume_scheduler_lambda"
    title = "Model, SGD and LambdaLR with a callable object, continued for four steps"

    def schedule(self, schedulers, optimizer):
        return schedulers.LambdaLR(optimizer, Warmup(5))


class ResumeSchedulerMultistep(_Schedule):
    """Its state has a Counter, which weights_only did not allow at first (pytorch#123775)."""

    name = "resume_scheduler_multistep"
    title = "Model, SGD and MultiStepLR, continued for four steps"

    def schedule(self, schedulers, optimizer):
        return schedulers.MultiStepLR(optimizer, milestones=[2, 4, 5], gamma=0.5)


class _Watched(object):
    """A scheduler that watches a number, here one that never gets better."""

    def __init__(self, scheduler):
        self.scheduler = scheduler

    def step(self):
        self.scheduler.step(1.0)

    def state_dict(self):
        return self.scheduler.state_dict()

    def load_state_dict(self, state):
        self.scheduler.load_state_dict(state)


class ResumeSchedulerPlateau(_Schedule):
    """A schedule that depends on what it has seen."""

    name = "resume_scheduler_plateau"
    title = "Model, SGD and ReduceLROnPlateau, continued for four steps"

    def schedule(self, schedulers, optimizer):
        return _Watched(schedulers.ReduceLROnPlateau(optimizer, factor=0.5, patience=1))


class ResumeSchedulerSequential(_Schedule):
    """Two schedulers one after the other, in state dicts of their own."""

    name = "resume_scheduler_sequential"
    title = "Model, SGD and SequentialLR of warm-up and decay, continued for four steps"
    needs = ("torch.optim.lr_scheduler.SequentialLR",)
    loader = ("torch.optim.lr_scheduler.SequentialLR",)

    def schedule(self, schedulers, optimizer):
        first = schedulers.LinearLR(optimizer, start_factor=0.25, total_iters=2)
        second = schedulers.ExponentialLR(optimizer, gamma=0.8)
        return schedulers.SequentialLR(optimizer, [first, second], milestones=[4])


class ResumeSchedulerSwa(_Schedule):
    """Its state had a function of its class, which a pickle names by getattr."""

    name = "resume_scheduler_swa"
    title = "Model, SGD and SWALR, continued for four steps"
    needs = ("torch.optim.swa_utils.SWALR",)
    loader = ("torch.optim.swa_utils.SWALR",)

    def schedule(self, schedulers, optimizer):  # noqa: ARG002 - it is of another module
        import torch

        return torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.02, anneal_epochs=6)


class ResumeLambdaLost(Case):
    """Of a function nothing is saved: the loading code's own is used, whatever it is."""

    name = "resume_lambda_lost"
    family = "user-mistakes"
    title = "State of LambdaLR, loaded where its function is another, and steps taken with it"
    modes = ("plain",)
    policy = {"resume": {"rtol": 1e-9, "atol": 0.0}}
    expect = {"verdict": "changed", "reasons": ["resume_diverged"]}

    def build(self, rate):
        """Model, optimizer and scheduler before any training."""
        import torch

        model = steps.network(self.device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        return model, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate)

    def make(self):
        model, optimizer, scheduler = self.build(_falling)
        steps.train(model, optimizer, 3, scheduler)
        return scheduler.state_dict()

    def load(self, path, mode):
        self.loads = True
        return super(ResumeLambdaLost, self).load(path, mode)

    def resume(self, obj):
        rate = _halved if getattr(self, "loads", False) else _falling
        model, optimizer, scheduler = self.build(rate)
        scheduler.load_state_dict(dict(obj))
        return steps.train(model, optimizer, 4, scheduler)


def _falling(epoch):
    return 1.0 / (1 + epoch)


def _halved(epoch):  # noqa: ARG001 - as a scheduler calls it
    return 0.5
