"""Which names are there: those of torch, of its releases, of Python and of other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.words import Mode, Reason

if TYPE_CHECKING:
    from readings import File, Told


@pytest.mark.parametrize(
    ("name", "torch", "reason"),
    [
        ("torch.nn.modules.linear._LinearWithBias", "1.8.1", None),
        ("torch.nn.modules.linear._LinearWithBias", "1.9.0", Reason.MISSING_GLOBAL),
        ("torch.nn.modules.linear._LinearWithBias", "1.5.1", Reason.MISSING_GLOBAL),
        ("torch.nn.modules.linear.NonDynamicallyQuantizableLinear", "1.8.1", Reason.MISSING_GLOBAL),
        ("torch.nn.modules.linear.NonDynamicallyQuantizableLinear", "2.0.1", None),
        ("torch._tensor._rebuild_from_type_v2", "1.8.1", Reason.MISSING_GLOBAL),
        ("torch._utils._rebuild_tensor_v3", "2.1.2", Reason.MISSING_GLOBAL),
        ("torch._utils._rebuild_tensor_v3", "2.2.0", None),
        ("torch.ComplexFloatStorage", "1.5.1", Reason.DTYPE_UNKNOWN),
        ("torch.float8_e8m0fnu", "2.6.0", Reason.DTYPE_UNKNOWN),
        ("torch.float8_e8m0fnu", "2.7.0", None),
        ("torch.nested._internal.nested_tensor.NestedTensor", "1.12.1", Reason.MISSING_GLOBAL),
        ("torch.never.there.Something", "2.6.0", None),
        ("torch.nn.modules.linear.Linear", "1.4.0", None),
    ],
)
def test_names_of_torch_are_there_in_some_releases(
    name: str, torch: str, reason: Reason | None, file: File, told: Told
) -> None:
    prediction = told(file(name, version="2"), torch)
    assert prediction.reason is reason
    assert (name in prediction.why) is (reason is not None)


@pytest.mark.parametrize(
    ("name", "environment", "reason"),
    [
        ("numpy._core.multiarray.scalar", {"numpy": "1.24.0"}, Reason.MISSING_GLOBAL),
        ("numpy._core.multiarray.scalar", {"numpy": "1.26.0"}, Reason.MISSING_GLOBAL),
        ("numpy._core.multiarray.scalar", {"numpy": "1.26.4"}, None),
        ("numpy.core.multiarray.scalar", {"numpy": "2.3.0"}, None),
        ("numpy.core.multiarray.scalar", {"numpy": None}, Reason.MISSING_MODULE),
        ("pathlib._local.PosixPath", {"python": "3.12.1"}, Reason.MISSING_GLOBAL),
        ("pathlib._local.PosixPath", {"python": "3.14.0"}, None),
        ("pathlib.PosixPath", {"python": "3.13.0"}, None),
        ("zoneinfo.ZoneInfo", {"python": "3.8.1"}, Reason.MISSING_MODULE),
        ("fractions.gcd", {"python": "3.8.1"}, None),
        ("fractions.gcd", {"python": "3.9.1"}, Reason.MISSING_GLOBAL),
        ("collections.Mapping", {"python": "3.9.1"}, None),
        ("collections.Mapping", {"python": "3.10.4"}, Reason.MISSING_GLOBAL),
        ("distutils.version.LooseVersion", {"python": "3.11.7"}, None),
        ("distutils.version.LooseVersion", {"python": "3.12.1"}, Reason.MISSING_MODULE),
        (
            "distutils.version.LooseVersion",
            {"python": "3.12.1", "packages": {"setuptools": "70.0"}},
            None,
        ),
        ("numpy._core.numeric._frombuffer", {"numpy": "1.26.4"}, Reason.MISSING_GLOBAL),
        (
            "numpy._core._internal._convert_to_stringdtype_kwargs",
            {"numpy": "1.26.4"},
            Reason.MISSING_GLOBAL,
        ),
        ("numpy._core._internal._convert_to_stringdtype_kwargs", {"numpy": "2.0.0"}, None),
        ("pathlib.WindowsPath", {}, Reason.LOAD_ERROR),
        ("pathlib.WindowsPath", {"platform": "win-amd64"}, None),
        ("pathlib.PosixPath", {"platform": "win-amd64"}, Reason.LOAD_ERROR),
        ("__builtin__.set", {}, None),
        ("__main__.Net", {}, Reason.MISSING_GLOBAL),
        ("yaml.loader.Loader", {"packages": {"PyYAML": "6.0"}}, None),
        ("yaml.loader.Loader", {}, Reason.MISSING_MODULE),
        ("my_project.models.Net", {}, Reason.MISSING_MODULE),
        ("ckptcell_user_mine.Net", {}, None),
    ],
)
def test_names_of_others_are_there_in_some_environments(
    name: str, environment: dict[str, Any], reason: Reason | None, file: File, told: Told
) -> None:
    assert told(file(name), "2.0.1", **environment).reason is reason


@pytest.mark.parametrize("mode", [Mode.PLAIN, Mode.ALLOWLISTED])
def test_a_module_may_be_older_than_its_python(file: File, told: Told, mode: Mode) -> None:
    sharded = file("torch.distributed._shard.sharded_tensor.api.ShardedTensor")
    assert told(sharded, "1.13.1", mode, python="3.11.2").reason is Reason.MISSING_MODULE
    assert told(sharded, "1.13.1", python="3.10.9").reason is None
    assert told(sharded, "2.0.1", python="3.11.2").reason is None
