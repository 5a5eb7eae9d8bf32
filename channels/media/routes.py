"""``GET /media/{token}``: files that a provider fetches from us; ``/media/{token}/{name}``: that a reader does.

The name is only what browsers call the file that they save.
"""

from dataclasses import dataclass
from typing import Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from channels.media.links import MEDIA, asked_for
from core.errors import StoreUnavailable
from core.tokens import Signer

LARGEST = 16 * 1024 * 1024
SHOWN = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "audio/mpeg", "audio/ogg", "audio/amr", "video/mp4"}
    | {"video/3gpp", "application/pdf", "text/plain", "text/vcard"}
)
"""Types that are told; anything else, HTML above all, goes out as mere bytes."""


@dataclass(frozen=True, slots=True)
class File:
    """A stored file."""

    content: bytes
    media_type: str


class Files(Protocol):
    """Where files are kept."""

    async def file(self, digest: str, largest: int) -> File | None:
        """The file under its SHA-256 (hex); None where there is none, or it has more bytes than ``largest``."""
        ...


def media_router(files: Files, secret: str) -> APIRouter:
    """The route. Answers: 200 the file; 404 no token of ours, an ended one, or no such file; 503 the store is away."""
    signer, router = Signer(secret, MEDIA), APIRouter()

    async def give(request: Request) -> Response:
        digest = asked_for(signer, request.path_params["token"])
        try:
            file = await files.file(digest, LARGEST) if digest is not None else None
        except StoreUnavailable:
            return PlainTextResponse("try again", 503, {"retry-after": "5"})
        if file is None:
            return PlainTextResponse("no such file", 404)
        kind = file.media_type.partition(";")[0].strip().lower()
        headers = {
            "x-content-type-options": "nosniff",
            "content-disposition": "attachment",
            "cache-control": "private, no-store",
            "content-security-policy": "sandbox; default-src 'none'",
        }
        return Response(file.content, 200, headers, media_type=kind if kind in SHOWN else "application/octet-stream")

    router.add_route("/media/{token}", give, methods=["GET"])
    router.add_route("/media/{token}/{name}", give, methods=["GET"])
    return router
