"""The outputs are those of uv 0.13.9, as it wrote them."""

from __future__ import annotations

import pytest

from ckptmatrix.providers.venv.failures import explain, is_unreachable, tail

NO_RELEASE = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of torch==9.9.9 and you require torch==9.9.9, we can conclude \
that your requirements are unsatisfiable.
"""
NO_WHEEL = """\
error: No solution found when resolving dependencies
  cause: Because torch==1.4.0 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you \
require torch==1.4.0, we can conclude that your requirements are unsatisfiable.

hint: You require CPython 3.11 (`cp311`), but we only found wheels for `torch` (v1.4.0) with the \
following Python ABI tags: `cp36m`, `cp37m`, `cp38`
"""
NO_NAME = """\
error: Request failed after 3 retries in 4.6s
  cause: Failed to fetch: https://nohost.invalid/whl/cpu/torch/
  cause: error sending request for url (https://nohost.invalid/whl/cpu/torch/)
  cause: client error (Connect)
  cause: dns error
  cause: error resolving DNS
  cause: failed to lookup address information: Name or service not known
"""
DISK_FULL = """\
Using Python 3.11.7 environment at: v
Resolved 1 package in 61ms
error: Failed to install: numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (numpy==2.4.6)
  cause: Failed to copy to `/v/lib/python3.11/site-packages/numpy.libs/libscipy_openblas64_.so`
  cause: failed to copy file from /c/a.so to /v/b.so: No space left on device (os error 28)
"""
HASH = """\
Resolved 1 package in 43ms
error: Failed to download `six==1.17.0`
  cause: Hash mismatch for `six==1.17.0`

         Expected:
           sha256:47
"""
BUILD = """\
error: Failed to build `sklearn==0.0.post12`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.get_requires_for_build_wheel` failed

         [stderr]
         The 'sklearn' PyPI package is deprecated

hint: `sklearn` is often confused for `scikit-learn`.
"""


SAID = {
    NO_RELEASE: """\
no solution found when resolving dependencies: Because there is no version of torch==9.9.9 and you \
require torch==9.9.9""",
    NO_WHEEL: """\
no solution found when resolving dependencies: Because torch==1.4.0 has no wheels with a matching \
Python ABI tag (e.g., `cp311`) and you require torch==1.4.0; You require CPython 3.11 (`cp311`), \
but we only found wheels for `torch` (v1.4.0) with the following Python ABI tags: `cp36m`, \
`cp37m`, `cp38`""",
    NO_NAME: """\
failed to fetch: https://nohost.invalid/whl/cpu/torch/: failed to lookup address information: Name \
or service not known; check the network and the settings of the package index""",
    DISK_FULL: "the disk is full; free some space, or set another cache folder",
    HASH: "failed to download `six==1.17.0`: Hash mismatch for `six==1.17.0`",
    BUILD: """\
failed to build `sklearn==0.0.post12`: The build backend returned an error; `sklearn` is often \
confused for `scikit-learn`""",
    "thread 'main' panicked\nsomething odd\n": "something odd",
    "": "uv failed without saying why",
}


@pytest.mark.parametrize("output", SAID)
def test_the_cause_is_picked(output: str) -> None:
    assert explain(output) == SAID[output]


def test_an_index_that_does_not_answer_is_told_apart() -> None:
    assert is_unreachable(NO_NAME)


@pytest.mark.parametrize("output", [NO_RELEASE, NO_WHEEL, DISK_FULL, HASH, BUILD, ""])
def test_an_index_that_answers_is_reachable(output: str) -> None:
    assert not is_unreachable(output)


def test_the_tail_is_short() -> None:
    assert tail("\n".join(map(str, range(100)))).splitlines() == [str(n) for n in range(80, 100)]
