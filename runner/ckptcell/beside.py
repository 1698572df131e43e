"""What cases of one odd object share: it lies in a dict, beside a tensor."""

from ckptcell import inputs

__all__ = ["BesideTensor"]


class BesideTensor(object):
    """A dict of a tensor and an object. Mixed into a case, which has ``extra``."""

    device = "cpu"

    def extra(self):
        """The object."""
        raise NotImplementedError(type(self).__name__)

    def make(self):
        """The dict."""
        return {"weight": inputs.numbers(2, 3, device=self.device), "extra": self.extra()}
