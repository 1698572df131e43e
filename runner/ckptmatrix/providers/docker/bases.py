"""Images that are not made here: bases of Dockerfiles, and a user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from ckptmatrix.errors import CellError
from ckptmatrix.providers.base import Cancelled
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from docker import APIClient

__all__ = ["identity_of", "local_image", "obtain_image", "why_not_available"]


def local_image(api: APIClient, name: str) -> dict[str, Any] | None:
    """What the engine says of an image it has, or None."""
    try:
        image: dict[str, Any] = api.inspect_image(name)  # type: ignore[no-untyped-call]
    except (ImageNotFound, NotFound):
        return None
    return image


def why_not_available(api: APIClient, name: str) -> str:
    """Why the engine neither has an image nor finds it in its registry; empty when it does.

    Nothing is pulled.

    Args:
        api: The engine; its timeout bounds the look-up.
        name: The image's.
    """
    if local_image(api, name) is not None:
        return ""
    try:
        api.inspect_distribution(name)  # type: ignore[no-untyped-call]
    except (DockerException, RequestException, HTTPError) as error:
        return _short(str((error.explanation if isinstance(error, APIError) else None) or error))
    return ""


def obtain_image(
    api: APIClient,
    name: str,
    platform: str,
    *,
    advice: str,
    cancel: threading.Event,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """What the engine says of an image, pulled when the engine has it not.

    Args:
        api: The engine.
        name: The image's.
        platform: What it must be for.
        advice: What to do when it is not to be had, to follow a semicolon.
        cancel: Set when the user gave up.
        progress: Called with short phrases.

    Raises:
        CellError: It is not to be had, or is for another platform.
        Cancelled: ``cancel`` was set.
    """
    image = local_image(api, name)
    if image is None:
        progress(f"pulling {name}")
        problem = _pull(api, name, platform, cancel)
        image = None if problem else local_image(api, name)
        if image is None:
            message = (
                f"the engine does not have the image {name} and cannot pull it "
                f"({problem or 'it is not there after the pull'}); {advice}"
            )
            raise CellError(Reason.INSTALL_FAILED, message)
    found = "/".join(filter(None, (image["Os"], image["Architecture"], image.get("Variant"))))
    if not f"{found}/".startswith(f"{platform}/"):
        message = (
            f"the image {name} in the engine is for {found} and the cell is for {platform}; get "
            f"the other one with: docker pull --platform {platform} {name}"
        )
        raise CellError(Reason.HOST_UNSUPPORTED, message)
    return image


def identity_of(image: Mapping[str, Any]) -> str:
    """What tells an inspected image from others of its name.

    A pulled image is known by its digest in the registry, which is the same everywhere; one that
    was made or loaded here by its id.
    """
    digests = sorted(image.get("RepoDigests") or ())
    return digests[0] if digests else str(image["Id"])


def _pull(api: APIClient, name: str, platform: str, cancel: threading.Event) -> str:
    """Pull it; why it cannot be pulled, or an empty string."""
    repository, tag = parse_repository_tag(name)
    try:
        for event in api.pull(
            repository, tag=tag or "latest", platform=platform, stream=True, decode=True
        ):
            if cancel.is_set():
                raise Cancelled
            if "error" in event:
                return _short(str(event["error"]))
    except (DockerException, RequestException, HTTPError) as error:
        return _short(str((error.explanation if isinstance(error, APIError) else None) or error))
    return ""


def _short(text: str) -> str:
    return " ".join(text.split())[:300].rstrip(".")
