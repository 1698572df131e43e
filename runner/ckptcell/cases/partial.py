"""Checkpoints that hold less than is asked of them, and say so to nobody."""

from ckptcell import inputs, modes, observe
from ckptcell.cases.base import Case

__all__ = ["PartialStrictFalse", "WeightsOnlyFile"]


class PartialStrictFalse(Case):
    """``strict=False`` takes what fits and leaves the rest as it was, without a word.

    The observation says which parameters were loaded, which the file lacks and which it has for
    nobody, beside the model that came of it. What was not loaded has no place in the latter: the
    numbers a new layer begins with are nothing the checkpoint said.
    """

    name = "partial_strict_false"
    family = "user-mistakes"
    title = "Model given another head, loaded with strict=False"
    expect = {"verdict": "changed", "reasons": ["keys_missing"]}

    def _model(self, head):
        import torch

        model = torch.nn.Sequential()
        model.add_module("encoder", torch.nn.Linear(6, 5))
        model.add_module(head, torch.nn.Linear(5, 3))
        return inputs.fill(model).to(self.device)

    def save(self, path):
        import torch

        state = self._model("classifier").state_dict()
        torch.save(state, path)
        return {"model": dict(state), "loaded": sorted(state), "missing": [], "unexpected": []}

    def load(self, path, mode):
        state = modes.torch_load(path, mode, self.device)
        model = self._model("projection")
        answer = model.load_state_dict(state, strict=False)
        missing, unexpected = sorted(answer.missing_keys), sorted(answer.unexpected_keys)
        loaded = [key for key in sorted(model.state_dict()) if key not in missing]
        return {
            "model": {key: value for key, value in model.state_dict().items() if key in loaded},
            "loaded": loaded,
            "missing": missing,
            "unexpected": unexpected,
        }


class WeightsOnlyFile(Case):
    """Nothing but weights was saved: enough to answer with, not to go on training from.

    The observation is what a training continues from, as far as there is any of it, so what is
    absent shows by name. Training goes on all the same, with an optimizer that knows nothing.
    """

    name = "weights_only_file"
    family = "user-mistakes"
    title = "Weights alone, from which training is to be continued"
    expect = {"verdict": "changed", "reasons": ["keys_missing"]}

    def _model(self):
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
        return inputs.fill(model.double()).to(self.device)

    def _optimizer(self, model):
        import torch

        return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def _steps(self, model, optimizer, count):
        import torch

        features = inputs.numbers(8, 4, dtype=torch.float64, device=self.device)
        targets = inputs.numbers(8, 2, offset=5, dtype=torch.float64, device=self.device)
        losses = []
        for _ in range(count):
            optimizer.zero_grad()
            loss = ((model(features) - targets) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return losses

    def save(self, path):
        import torch

        model = self._model()
        optimizer = self._optimizer(model)
        self._steps(model, optimizer, 2)
        torch.save(model.state_dict(), path)
        return {
            "epoch": 2,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "versions": {"torch": str(torch.__version__)},
        }

    def load(self, path, mode):
        return {"model": modes.torch_load(path, mode, self.device)}

    def observe(self, obj):
        return observe.observe(dict(obj, model=dict(obj["model"])))

    def resume(self, obj):
        model = self._model()
        model.load_state_dict(obj["model"])
        optimizer = self._optimizer(model)
        if "optimizer" in obj:
            optimizer.load_state_dict(obj["optimizer"])
        return self._steps(model, optimizer, 3)
