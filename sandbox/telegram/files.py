"""Files: what the bot sends alone or as an album, what customers send, and where they can be fetched."""

import hashlib
import mimetypes
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from sandbox.telegram.errors import refused
from sandbox.telegram.markup import structure

FILES_KEPT = 50
DOWNLOAD_LIMIT = 20 * 1024 * 1024  # bytes that getFile serves
ALBUM_LEAST, ALBUM_MOST = 2, 10
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000"
    "000c49444154789c63b89060000003640161a868fbe90000000049454e44ae426082"
)
"""A picture of one pixel: what customers photograph here."""
_PLAYED: dict[str, dict[str, Any]] = {
    "voice": {"duration": 3, "mime_type": "audio/ogg"},
    "audio": {"duration": 3, "mime_type": "audio/mpeg"},
    "video": {"duration": 3, "width": 640, "height": 480, "mime_type": "video/mp4"},
    "animation": {"duration": 3, "width": 640, "height": 480, "mime_type": "video/mp4"},
    "video_note": {"duration": 3, "length": 240},
    "sticker": {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False},
}


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that came with a multipart request."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent: ``data`` None when it was only named by URL or id."""

    file_id: str
    name: str
    size: int
    data: bytes | None


class Files:
    """The last files of both sides, by their ids."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Upload] = OrderedDict()

    def keep(self, name: str, data: bytes | None, reference: str = "") -> Upload:
        """Remember a file that was sent, so that getFile finds it; the oldest give way."""
        known = self._kept.get(reference)
        if data is None and known is not None:
            return known
        digest = hashlib.blake2b(data or reference.encode(), digest_size=12).hexdigest()
        upload = Upload(f"FILE{digest}", name, len(data or b""), data)
        self._kept[upload.file_id] = upload
        if len(self._kept) > FILES_KEPT:
            self._kept.popitem(last=False)
        return upload

    def find(self, path: str) -> Upload | None:
        """The file at the path that getFile gave."""
        return self._kept.get(path.rpartition("/")[2])

    def get(self, file_id: str) -> dict[str, Any]:
        """A File, as getFile gives it."""
        upload = self._kept.get(file_id)
        if upload is None:
            raise refused(400, "invalid file_id")
        if upload.size > DOWNLOAD_LIMIT:
            raise refused(400, "file is too big")
        return {**_named(upload), "file_size": upload.size, "file_path": f"documents/{upload.file_id}"}

    def given(self, params: dict[str, Any], field: str, value: Any) -> Upload:
        """The file that ``value`` means: one of the request, a URL, or the id of one that was sent."""
        if isinstance(value, str) and value.startswith("attach://"):
            value = params.get(value.removeprefix("attach://"))
        if not value:
            raise refused(400, f"there is no {field} in the request")
        if isinstance(value, SentFile):
            return self.keep(value.name, value.data)
        return self.keep(str(value).rpartition("/")[2] or field, None, str(value))


def album(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of sendMediaGroup, checked as Telegram checks them."""
    media = structure(params.get("media"), "media")
    if not isinstance(media, list) or not all(isinstance(item, dict) for item in media):
        raise refused(400, "can't parse media: expected an Array of InputMedia")
    if len(media) < ALBUM_LEAST:
        raise refused(400, "there are no messages to send" if not media else "can't send a single item as an album")
    if len(media) > ALBUM_MOST:
        raise refused(400, "too many messages to send as an album")
    kinds = {str(item.get("type")) for item in media}
    if not kinds <= {"photo", "document"}:
        raise refused(400, "can't parse media: type must be photo or document here")
    if len(kinds) > 1:
        raise refused(400, "Document can't be mixed with other media types")
    return media


def shown(upload: Upload, field: str) -> dict[str, Any]:
    """The file as the field of a Message."""
    file: dict[str, Any] = {**_named(upload), "file_size": upload.size}
    if field == "photo":
        return {"photo": [{**file, "width": 640, "height": 480}]}
    if field in _PLAYED:
        return {field: file | _PLAYED[field]}
    media, _ = mimetypes.guess_type(upload.name)
    return {field: file | {"file_name": upload.name} | ({"mime_type": media} if media else {})}


def _named(upload: Upload) -> dict[str, str]:
    return {"file_id": upload.file_id, "file_unique_id": upload.file_id[-12:]}
