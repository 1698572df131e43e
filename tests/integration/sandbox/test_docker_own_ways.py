"""Images that bring their own ways, and an interpreter or a GPU that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import CellError
from ckptmatrix.matrix.cell import Cell
from ckptmatrix.wire import Manifest
from ckptmatrix.words import Phase, Reason
from dockers import BASE, Bench, Traces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker.api import APIClient


@pytest.fixture
def opinionated(api: APIClient) -> Iterator[str]:
    """An image with everything that could change how a job runs."""
    made = api.create_container_from_config(  # type: ignore[no-untyped-call]
        {"Image": BASE, "Cmd": ["true"]}, "ckptmatrix-test-opinionated"
    )["Id"]
    try:
        api.start(made)
        api.wait(made)
        image = api.commit(
            made,
            changes=[
                'ENTRYPOINT ["/bin/sh", "-c", "echo hijacked; exit 3"]',
                'CMD ["nonsense"]',
                "USER 1234:1234",
                "WORKDIR /nowhere",
                "ENV TORCH_HOME=/secret LD_LIBRARY_PATH=/usr/local/lib PYTHONPATH=/secret A=b",
                "VOLUME /usr/share/doc",
                'HEALTHCHECK --interval=1s CMD ["/bin/false"]',
            ],
        )["Id"]
    finally:
        api.remove_container(made, v=True, force=True)
    yield image
    api.remove_image(image, force=True)


def test_an_opinionated_image_runs_like_any_other(
    api: APIClient, opinionated: str, tmp_path: Path
) -> None:
    before = Traces.of(api)
    bench = Bench(api=api, folder=tmp_path, image=opinionated)
    environ, ids, content, written = bench.run("""
        say(dict(os.environ))
        say([os.getuid(), os.getcwd()])
        say(len(os.listdir("/usr/share/doc")))
        say(refusal(open, "/usr/share/doc/x", "w"))
    """).said
    assert not {"TORCH_HOME", "PYTHONPATH", "A"} & set(environ)
    assert environ["LD_LIBRARY_PATH"] == "/usr/local/lib"
    assert ids == [10_001, "/ckptmatrix/scratch"]
    assert written == "Read-only file system"
    assert Traces.of(api) == before
    assert content > 0


def test_an_interpreter_that_is_not_there_is_one_sentence(bench: Bench) -> None:
    bench.cell = Cell(id="wrong", image=BASE, interpreter="/opt/no/python")
    with pytest.raises(CellError) as caught:
        bench.run("")
    assert caught.value.reason is Reason.PYTHON_NOT_FOUND
    assert "/opt/no/python" in caught.value.message
    assert "interpreter" in caught.value.message


def test_a_gpu_that_is_not_there_is_one_sentence(bench: Bench) -> None:
    if "nvidia" in bench.api.info()["Runtimes"]:
        pytest.skip("this engine has GPUs to give")
    with pytest.raises(CellError) as caught:
        bench.run("", manifest=Manifest(phase=Phase.LOAD, device="cuda:0"))
    assert caught.value.reason is Reason.HOST_UNSUPPORTED
    assert "cuda:0" in caught.value.message
    assert "\n" not in caught.value.message


def test_a_probe_goes_without_a_gpu_that_is_not_there(bench: Bench) -> None:
    assert bench.run("say(1)", manifest=Manifest(phase=Phase.PROBE)).said == [1]
