from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import StoreError
from ckptmatrix.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptmatrix.wire import Checkpoint, Done


def test_one_folder_holds_results_and_checkpoints(
    tmp_path: Path, describe: Callable[[Path], Checkpoint], done: Callable[..., Done]
) -> None:
    source = tmp_path / "model.pt"
    source.write_bytes(b"weights")
    said = describe(source)
    for _ in range(2):
        with Store(tmp_path / "deep" / "store") as store:
            place = store.add_checkpoint(source, said, "model.pt", inside=tmp_path)
            assert store.find_checkpoint(said.sha256, "model.pt") == place
            store.put_result("k", [done(checkpoint=said)])
            assert store.get_results(["k"])["k"][0].checkpoint == said
    tag = (tmp_path / "deep" / "store" / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_a_place_that_cannot_be_a_store_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file.*\n    fix: "):
        Store(tmp_path / "file" / "store")
