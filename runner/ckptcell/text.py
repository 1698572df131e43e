"""Text that fits into an event: bounded, and free of what JSON readers refuse."""

__all__ = ["LONG", "SHORT", "bounded"]

#: Longest name, path or version in an event.
SHORT = 1000
#: Longest message, traceback or tail in an event.
LONG = 20000

_CUT = " ... "


def bounded(value, limit=LONG):
    """``value`` as text of at most ``limit`` characters, its middle left out when it is longer.

    Lone surrogates, which strict JSON readers refuse, become backslash escapes. A value whose
    ``__str__`` raises is named by its class: what a checkpoint brings along may do anything.
    """
    try:
        # A subclass of str may have methods of its own: str's are called past them.
        text = str.__str__(value if isinstance(value, str) else str(value))
    except Exception:
        text = "<{} whose text cannot be had>".format(type(value).__name__)
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) <= limit:
        return text
    head = (limit - len(_CUT)) // 2
    return text[:head] + _CUT + text[len(text) - (limit - len(_CUT) - head) :]
