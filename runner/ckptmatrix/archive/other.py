"""What a file is that is no checkpoint of torch: by its first bytes, or by its entries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ckptmatrix.archive.reading import Format

if TYPE_CHECKING:
    from ckptmatrix.archive.draft import Draft
    from ckptmatrix.archive.records import Records
    from ckptmatrix.archive.source import Source

__all__ = ["name_other", "name_zip"]

_HEAD: Final = 4096
#: Place and bytes → what has them there.
_MAGIC: Final = (
    (0, b"\x1f\x8b", "a gzip archive: unpack it first"),
    (0, b"BZh", "a bzip2 archive: unpack it first"),
    (0, b"\xfd7zXZ\x00", "an xz archive: unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"),
    (0, b"\x04\x22\x4d\x18", "an lz4 archive: unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (0, b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them"),
    (0, b"\x93NUMPY", "a NumPy array (.npy): numpy.load reads it"),
    (0, b"GGUF", "a GGUF file of llama.cpp"),
    (0, b"ggml", "a GGML file of llama.cpp"),
    (0, b"tjgg", "a GGML file of llama.cpp"),
    (0, b"\x7fELF", "a program or a library"),
    (0, b"MZ", "a program or a library of Windows"),
    (0, b"\xca\xfe\xba\xbe", "a program or a library of macOS"),
    (0, b"\xcf\xfa\xed\xfe", "a program or a library of macOS"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"PAR1", "a Parquet table"),
    (0, b"ARROW1", "an Arrow table"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"MATLAB 5.0", "a MATLAB file"),
    (0, b"#!", "a script"),
    (0, b"-----BEGIN ", "a certificate or a key"),
    (0, b"PK\x05\x06", "a zip archive without entries"),
    (0, b"PK\x07\x08", "a zip archive in parts"),
    (257, b"ustar", "a tar archive: unpack it first"),
    (4, b"TFL3", "a TensorFlow Lite model"),
)
#: An ONNX model is a protocol buffer that begins with its version and the name of its producer.
_ONNX: Final = re.compile(rb"\x08[\x01-\x20](?:\x12|:)")
_ONNX_PRODUCERS: Final = (b"pytorch", b"onnx", b"tf2onnx", b"keras2onnx", b"skl2onnx")
#: How a name in a zip archive ends, or a folder in it → what such an archive is.
_ZIP_KINDS: Final = (
    (".npy", "a NumPy archive (.npz): numpy.load reads it"),
    ("[Content_Types].xml", "an office document"),
    ("AndroidManifest.xml", "an Android app"),
    ("META-INF/MANIFEST.MF", "a Java archive"),
    (".dist-info/", "a Python wheel"),
    ("model.weights.h5", "a Keras model"),
    (".distcp", "a packed folder of torch.distributed.checkpoint: unpack it first"),
    (".pt", "a zip archive of checkpoints: unpack it first"),
    (".pth", "a zip archive of checkpoints: unpack it first"),
    (".ckpt", "a zip archive of checkpoints: unpack it first"),
    (".safetensors", "a zip archive of checkpoints: unpack it first"),
)
_TEXT: Final = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")


def name_other(source: Source, draft: Draft) -> None:
    """Say what a file is, as far as its first bytes tell."""
    head = source.read(0, _HEAD)
    draft.format, draft.note = _named(head)
    if draft.format is Format.UNKNOWN and not head.strip(b"\0"):
        draft.note = "zero bytes only, at its beginning: the file was made, and never filled"
        draft.defect("it begins with zero bytes only")


def _named(head: bytes) -> tuple[Format, str]:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    lowered = text[:256].lower()
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return Format.LFS_POINTER, _pointer(head)
    if lowered.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")) or (
        lowered.startswith(b"<") and b"<html" in lowered
    ):
        return Format.HTML, _title(head)
    what = _by_magic(head)
    if not what and lowered.startswith((b"<?xml", b"<error")):
        what = "an XML document, as storage servers answer with instead of a file"
    if not what and text and _is_text(head):
        what = f"a file of {'JSON' if text[:1] in {b'{', b'['} else 'text'}"
    return (Format.OTHER, what) if what else (Format.UNKNOWN, "")


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without control characters; its last character may be cut."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
    return _TEXT.fullmatch(head) is not None


def _by_magic(head: bytes) -> str:
    for offset, magic, what in _MAGIC:
        if head.startswith(magic, offset):
            return what
    if _ONNX.match(head) and any(name in head[:64] for name in _ONNX_PRODUCERS):
        return "an ONNX model"
    return ""


def _pointer(head: bytes) -> str:
    size = re.search(rb"^size (\d{1,20})$", head, re.MULTILINE)
    of = f" of {int(size[1]):,} bytes" if size else ""
    return f"a Git LFS pointer to a file{of}: `git lfs pull` fetches it"


def _title(head: bytes) -> str:
    found = re.search(rb"<title[^>]*>([^<]{1,100})", head, re.IGNORECASE)
    title = f" with the title {str(found[1].strip(), 'utf-8', 'replace')!a}" if found else ""
    return f"a web page{title}: it was downloaded instead of the file"


def name_zip(records: Records, draft: Draft) -> None:
    """Say what a zip archive is that torch did not write."""
    names = [entry.name for entry in records.directory.entries]
    draft.format = Format.OTHER
    for ending, what in _ZIP_KINDS:
        if any(name.endswith(ending) or (ending[-1] == "/" and ending in name) for name in names):
            draft.note = what
            return
    if not names:
        draft.format = Format.ZIP
        draft.note = "it begins like a zip archive, and has no entry that can be read"
        draft.defect("not one record of the zip archive can be read")
        return
    draft.note = "a zip archive that torch did not write"
