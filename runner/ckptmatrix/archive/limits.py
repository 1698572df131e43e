"""How much of a file is read before reading stops."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "Limits"]

_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds that hold whatever a file says of itself.

    They are counts, not seconds, so that a file has the same reading on a busy machine.

    Attributes:
        pickle_bytes: Of pickles, all of a file's together; payloads that are skipped do not count.
        opcodes: Of pickles, all of a file's together.
        kept_text: Characters of strings that are kept.
        text: Characters of one string, beyond which only its length is kept.
        globals: Different names; as many different calls.
        persistent: Persistent ids.
        records: Entries of a zip or tar archive, files of a folder.
        record_bytes: Of one small record (``version``, JSON), unpacked.
        small_bytes: Of small records, all of a file's together.
        unpacked_bytes: Of packed records, all of a file's together, however often each is read.
        pieces: Archives and pickles inside a file or folder, beside its own pickle.
        scanned: Entries, and places that may end one, of a zip archive without a directory.
        checked_bytes: Of records whose checksums are compared.
        header_bytes: Of a safetensors header.
        tensors: Listed.
        storages: Listed.
        keys: Listed.
        sentences: Defects, dangers and requirements, each.
    """

    pickle_bytes: int = 64 * _MIB
    opcodes: int = 2_200_000
    kept_text: int = 16 * _MIB
    text: int = 4096
    globals: int = 20_000
    persistent: int = 200_000
    records: int = 200_000
    record_bytes: int = 8 * _MIB
    small_bytes: int = 24 * _MIB
    unpacked_bytes: int = 256 * _MIB
    pieces: int = 20_000
    scanned: int = 20_000
    checked_bytes: int = 64 * _MIB
    header_bytes: int = 8 * _MIB
    tensors: int = 10_000
    storages: int = 10_000
    keys: int = 1_000
    sentences: int = 100


DEFAULT_LIMITS = Limits()
