"""An object that a file has as a call, which the one who saves it does not make."""

__all__ = ["Reduced"]


class Reduced(object):
    """Is pickled as a call of a function with arguments, made only by the one who loads it."""

    def __init__(self, function, arguments):
        self.function = function
        self.arguments = arguments

    def __reduce__(self):
        return self.function, self.arguments
