"""The file that tells ``docker buildx bake`` what to build, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptmatrix.images.recipe import Recipe

__all__ = ["bake_file"]


def bake_file(recipes: Sequence[Recipe]) -> dict[str, Any]:
    """One target a cell, with its Dockerfile inside; the contexts lie beside the file.

    Args:
        recipes: Different targets.

    Returns:
        What https://docs.docker.com/build/bake/reference/ describes. Each target's context is the
        folder of its name.
    """

    def literal(text: str) -> str:
        # Bake reads templates in every string of a JSON file.
        return text.replace("${", "$${").replace("%{", "%%{")

    targets = sorted(recipes, key=lambda recipe: recipe.target)
    return {
        "group": {"default": {"targets": [recipe.target for recipe in targets]}},
        "target": {
            recipe.target: {
                "context": recipe.target,
                "dockerfile-inline": literal(recipe.buildkit_dockerfile),
                "tags": [recipe.tag],
                "platforms": [recipe.platform],
                "args": {name: literal(value) for name, value in recipe.arguments.items()},
                "output": ["type=docker"],
            }
            for recipe in targets
        },
    }
