from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.archive.reading import Call, Format, Global, Reading
from ckptmatrix.predict.loading import Loading
from ckptmatrix.predict.predict import predict
from ckptmatrix.wire import Facts, Package
from ckptmatrix.words import Mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.predict.prediction import Prediction


def an_environment(
    torch: str, *, python: str = "3.10.4", numpy: str | None = "1.24.0", **fields: Any
) -> Facts:
    packages = {"numpy": numpy, "torch": torch, **fields.pop("packages", {})}
    return Facts(
        cell_program="1",
        python=python,
        implementation="CPython",
        executable="/opt/cell/bin/python",
        platform=fields.pop("platform", "linux-x86_64"),
        machine="x86_64",
        byteorder="little",
        torch=torch,
        numpy=numpy,
        packages=tuple(
            Package(name=name, version=version) for name, version in packages.items() if version
        ),
        **fields,
    )


def a_file(*names: str, **fields: Any) -> Reading:
    """A zip archive of ``torch.save`` that looks these names up."""
    parts = [name.rpartition(".") for name in names]
    shown: dict[str, Any] = {
        "format": Format.ZIP,
        "bytes": 1_000,
        "version": "3",
        "protocol": 2,
        "globals": tuple(Global(module=module, name=name) for module, _, name in parts),
    }
    calls = fields.pop("calls", ())
    return Reading(
        **shown
        | {"calls": tuple(Call(dotted=call[0], arguments=call[1]) for call in calls)}
        | fields
    )


@pytest.fixture
def environment() -> Callable[..., Facts]:
    return an_environment


@pytest.fixture
def file() -> Callable[..., Reading]:
    return a_file


@pytest.fixture
def told() -> Callable[..., Prediction]:
    """What a file says of a load by a release, in a mode."""

    def tell(reading: Reading, torch: str, mode: Mode = Mode.TRUSTED, **fields: Any) -> Prediction:
        conditions = fields.pop("loading", {})
        loading = Loading(mode=mode, **conditions)
        return predict(reading, an_environment(torch, **fields), loading)

    return tell
