from __future__ import annotations

import os
import string
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.images.recipe import (
    CELL_LABEL,
    INPUTS_LABEL,
    Base,
    Recipe,
    Settings,
    base_name,
    make_recipe,
    pinned,
)
from ckptmatrix.matrix.cell import CELL_ID, Cell
from ckptmatrix.matrix.expand import with_derived_id

GOLDEN = Path(__file__).parent / "golden"
SLIM = Base(name="python:3.11-slim", identity="sha256:" + "a" * 64)
TRIXIE = Base(name="debian:trixie-slim", identity="debian@sha256:" + "b" * 64)
LOCK = """\
numpy==2.4.6 \\
    --hash=sha256:00 \\
    --hash=sha256:01
torch==2.13.0+cpu \\
    --hash=sha256:02
"""
CPU = with_derived_id(Cell(id="", python="3.11", torch="2.13.0", cuda="cpu"))
CUDA = with_derived_id(Cell(id="", python="3.11", torch="2.6.0", cuda="12.4"))
OLD = with_derived_id(Cell(id="", python="3.6", torch="1.0.0", cuda="default"))
SUITE = with_derived_id(Cell(id="", debian="trixie"))
SUITE_WITH = with_derived_id(Cell(id="", debian="trixie", packages=("safetensors==0.5.2",)))
EVERYTHING = Settings(
    index_url="https://index.example/simple",
    extra_index_urls=("https://one.example/simple", "https://two.example/simple"),
    find_links=("https://wheels.example/stable.html",),
    trusted_hosts=("one.example",),
    ca_bundle=Path("company.pem"),
    proxies={"https_proxy": "http://proxy.example:3128", "no_proxy": "localhost"},
)


def hadolint(*files: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("hadolint")
    config = Path(__file__).parents[3] / ".hadolint.yaml"
    return subprocess.run(
        [program, "--config", config, *files], capture_output=True, text=True, check=False
    )


def cpu(**changes: object) -> Recipe:
    return make_recipe(CPU, Settings(), SLIM, lock=LOCK, **changes)  # type: ignore[arg-type]


RECIPES = {
    "wheels-cpu": cpu(),
    "wheels-cuda": make_recipe(CUDA, Settings(), SLIM, lock="torch==2.6.0+cu124\n"),
    "wheels-find-links": make_recipe(
        OLD,
        EVERYTHING,
        Base(name="python:3.6-slim", identity=SLIM.identity),
        lock="torch==1.0.0\n",
        wheels={"torch-1.0.0-cp36-cp36m-linux_x86_64.whl": Path("a.whl")},
    ),
    "debian": make_recipe(SUITE, Settings(), TRIXIE),
    "debian-packages": make_recipe(SUITE_WITH, Settings(), TRIXIE),
}


@pytest.mark.parametrize("name", RECIPES)
def test_dockerfiles_are_the_golden_ones(name: str) -> None:
    # CKPTMATRIX_GOLDEN=write rewrites them; what changed is then to be read in the diff.
    recipe = RECIPES[name]
    texts = {
        f"{name}.Dockerfile": recipe.dockerfile,
        f"{name}.buildkit.Dockerfile": recipe.buildkit_dockerfile,
    }
    if isinstance(conf := recipe.files.get("pip.conf"), bytes):
        texts[f"{name}.pip.conf"] = conf.decode()
    for file, text in texts.items():
        if os.environ.get("CKPTMATRIX_GOLDEN") == "write":
            (GOLDEN / file).write_text(text, encoding="utf-8")
        assert (GOLDEN / file).read_text("utf-8") == text


def test_every_golden_file_belongs_to_a_recipe() -> None:
    assert {file.name.partition(".")[0] for file in GOLDEN.iterdir()} == set(RECIPES)


def test_dockerfiles_are_without_fault_to_hadolint() -> None:
    done = hadolint(*sorted(GOLDEN.glob("*.Dockerfile")))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_fault_is_one_to_hadolint(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM debian\nRUN cd /tmp; sudo ls\n", encoding="utf-8")
    assert hadolint(wrong).returncode == 1


def test_the_tag_says_which_cell_and_which_recipe() -> None:
    recipe = cpu()
    assert recipe.tag == f"ckptmatrix/py3.11-torch2.13.0-cpu:{recipe.digest[:12]}"
    assert f'{CELL_LABEL}="{CPU.id}"' in recipe.dockerfile
    assert f'{INPUTS_LABEL}="{recipe.inputs}"' in recipe.buildkit_dockerfile


def test_labels_come_last_so_that_they_spoil_no_cache() -> None:
    for recipe in RECIPES.values():
        for text in (recipe.dockerfile, recipe.buildkit_dockerfile):
            instructions = [line for line in text.splitlines() if line[:1].isalpha()]
            assert instructions[-1].startswith("LABEL ")


def test_the_same_inputs_give_the_same_recipe() -> None:
    assert cpu() == cpu()


def test_what_decides_the_contents_decides_the_digest() -> None:
    others = [
        make_recipe(CPU, Settings(), SLIM, lock=LOCK.replace("2.4.6", "2.4.5")),
        make_recipe(CPU, Settings(), replace(SLIM, identity="sha256:" + "c" * 64), lock=LOCK),
        make_recipe(replace(CPU, id="mine"), Settings(), SLIM, lock=LOCK),
        make_recipe(replace(CPU, platform="linux/arm64"), Settings(), SLIM, lock=LOCK),
        make_recipe(replace(CPU, cuda="default"), Settings(), SLIM, lock=LOCK),
    ]
    digests = {recipe.digest for recipe in [cpu(), *others]}
    assert len(digests) == len(others) + 1


def test_where_packages_come_from_does_not_decide_the_digest() -> None:
    elsewhere = make_recipe(
        CPU, EVERYTHING, SLIM, lock=LOCK, wheels={"torch-2.13.0-py3-none-any.whl": Path("x")}
    )
    assert elsewhere.digest == cpu().digest
    assert elsewhere.dockerfile == cpu().dockerfile


def test_the_base_decides_the_digest_but_not_the_inputs() -> None:
    other = make_recipe(CPU, Settings(), replace(SLIM, identity=""), lock=LOCK)
    assert other.digest != cpu().digest
    assert other.inputs == cpu().inputs
    assert "base-identity" not in other.dockerfile


def test_secrets_of_the_build_stay_out_of_the_image() -> None:
    """The last stage copies one folder; with BuildKit the context is only mounted."""
    recipe = make_recipe(CPU, EVERYTHING, SLIM, lock=LOCK)
    last = recipe.dockerfile.rpartition("FROM ")[2]
    assert "/opt/context" not in last
    assert "COPY . " not in recipe.buildkit_dockerfile
    for text in (recipe.dockerfile, recipe.buildkit_dockerfile):
        assert "example" not in text
        assert "ENV " not in text


def test_proxies_are_given_in_both_spellings() -> None:
    assert make_recipe(CPU, EVERYTHING, SLIM, lock=LOCK).arguments == {
        "https_proxy": "http://proxy.example:3128",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "no_proxy": "localhost",
        "NO_PROXY": "localhost",
    }


def test_the_context_holds_what_the_build_needs_and_nothing_else() -> None:
    assert list(cpu().files) == ["pip.conf", "requirements.txt"]
    assert cpu().files["requirements.txt"] == LOCK.encode()
    assert make_recipe(SUITE, EVERYTHING, TRIXIE).files == {}
    files = make_recipe(
        CPU, EVERYTHING, SLIM, lock=LOCK, wheels={"a-1-py3-none-any.whl": Path("a")}
    ).files
    assert list(files) == ["ca.pem", "pip.conf", "requirements.txt", "wheels/a-1-py3-none-any.whl"]


def test_packages_are_those_of_the_lock() -> None:
    assert cpu().packages == ("numpy==2.4.6", "torch==2.13.0+cpu")
    assert pinned("") == ()


def test_bases() -> None:
    assert base_name(CPU, Settings()) == "python:3.11-slim"
    assert base_name(SUITE, Settings()) == "debian:trixie-slim"
    mine = Settings(base="registry.example:5000/py/{python}@sha256:" + "0" * 64)
    assert base_name(CPU, mine) == "registry.example:5000/py/3.11@sha256:" + "0" * 64


HOSTILE = [
    "a b",
    "a\nRUN id",
    "a;id",
    "$(id)",
    "`id`",
    "${PATH}",
    "a&&b",
    "-x",
    "",
    'a"b',
    "a\\",
    "é",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_breaks_out_of_a_line(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        base_name(CPU, Settings(base=text))
    with pytest.raises(ValueError, match="is not a"):
        base_name(replace(SUITE, debian=text), Settings())
    with pytest.raises(ValueError, match="is not a"):
        base_name(replace(CPU, python=text), Settings())
    with pytest.raises(ValueError, match="is not a"):
        make_recipe(CPU, Settings(), Base(name=text, identity=SLIM.identity), lock=LOCK)
    with pytest.raises(ValueError, match="is not a"):
        make_recipe(replace(CPU, torch=text or "x"), Settings(), SLIM, lock=LOCK)
    with pytest.raises(ValueError, match="is not a"):
        cpu(wheels={text: Path("x")})
    if text:
        with pytest.raises(ValueError, match="is not a"):
            make_recipe(CPU, Settings(), Base(name="a", identity=text), lock=LOCK)


@pytest.mark.parametrize("text", ["a\n--index-url=x", "--index-url=x", "a; id", "$(id)", "../x"])
def test_a_package_of_a_suite_is_a_requirement(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a requirement|cannot hold"):
        make_recipe(replace(SUITE, packages=(text,)), Settings(), TRIXIE)


@pytest.mark.parametrize("text", ["https://a.example\nno-index = true", "a\rb", "a\0b"])
def test_a_setting_cannot_add_another(text: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        make_recipe(CPU, Settings(index_url=text), SLIM, lock=LOCK)
    with pytest.raises(ValueError, match="cannot hold"):
        make_recipe(CPU, Settings(extra_index_urls=("https://b.example", text)), SLIM, lock=LOCK)


@given(st.text(alphabet=string.ascii_lowercase + string.digits + "._-", min_size=1, max_size=100))
def test_every_id_gives_a_name_that_an_engine_takes(text: str) -> None:
    cell = replace(CPU, id="a" + text[:99])
    assert CELL_ID.fullmatch(cell.id)
    recipe = make_recipe(cell, Settings(), SLIM, lock=LOCK)
    repository, _, tag = recipe.tag.partition(":")
    component = repository.removeprefix("ckptmatrix/")
    # https://github.com/distribution/reference: separators stand between letters or digits.
    assert not {*"._-"} & {component[0], component[-1]}
    assert not any(a in "._-" and b in "._-" for a, b in pairwise(component))
    assert tag == recipe.digest[:12]
    assert set(recipe.target) <= {*string.ascii_lowercase, *string.digits, "_", "-"}
