"""Digests of a checkpoint, which is one file or a folder of them."""

import hashlib
import os
import shutil
import stat

__all__ = ["describe", "remove", "stamp"]

_CHUNK = 1 << 20
_MOST_FILES = 10000
_LONGEST_PATH = 500


def _digest_of_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _members(root):
    """Paths of the regular files below ``root``, relative, with ``/``, sorted."""
    found = []
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root).replace(os.sep, "/")
            kind = os.lstat(path).st_mode
            if stat.S_ISDIR(kind):
                continue
            if not stat.S_ISREG(kind):
                msg = "{!r} is neither a file nor a folder".format(relative)
                raise ValueError(msg)
            if len(relative) > _LONGEST_PATH or "\\" in relative or not relative.isprintable():
                msg = "the file name {!r} is not portable".format(relative)
                raise ValueError(msg)
            found.append(relative)
    if len(found) > _MOST_FILES:
        msg = "more than {} files".format(_MOST_FILES)
        raise ValueError(msg)
    return sorted(found)


def describe(path):
    """What lies at ``path``, as the wire's ``Checkpoint``.

    Args:
        path: A file, or a folder whose files are all regular. A link is followed, links inside a
            folder are refused.

    Returns:
        ``{"sha256", "bytes", "files": [{"path", "bytes", "sha256"}, ...]}``. A single file's path
        is ``.`` and its digest is the checkpoint's own.

    Raises:
        OSError: Nothing lies there, or it cannot be read.
        ValueError: Something in the folder cannot be part of a checkpoint.
    """
    root = os.path.realpath(path)
    if not os.path.isdir(root):
        if not stat.S_ISREG(os.stat(root).st_mode):
            msg = "{!r} is neither a file nor a folder".format(os.path.basename(path))
            raise ValueError(msg)
        digest, size = _digest_of_file(root), os.path.getsize(root)
        files = [{"path": ".", "bytes": size, "sha256": digest}]
        return {"sha256": digest, "bytes": size, "files": files}
    files = []
    for relative in _members(root):
        member = os.path.join(root, relative)
        files.append(
            {
                "path": relative,
                "bytes": os.path.getsize(member),
                "sha256": _digest_of_file(member),
            }
        )
    lines = "".join("{}  {}\n".format(file["sha256"], file["path"]) for file in files)
    return {
        "sha256": hashlib.sha256(lines.encode("utf-8")).hexdigest(),
        "bytes": sum(file["bytes"] for file in files),
        "files": files,
    }


def remove(path):
    """Remove the file or folder at ``path``, if there is one."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def stamp(path):
    """What changes when something under ``path`` is written to, without reading it."""
    root = os.path.realpath(path)
    paths = [root]
    for folder, folders, names in os.walk(root):
        paths.extend(os.path.join(folder, name) for name in folders + names)
    marks = []
    for member in sorted(paths):
        try:
            facts = os.lstat(member)
        except OSError:
            continue
        marks.append((member, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_mode))
    return tuple(marks)
