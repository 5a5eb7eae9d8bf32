"""What customers send beside words: files, a phone number, a place. Pure."""

from typing import Any

from channels.telegram.plain import mapping, number, text
from core.addresses import phone_number
from core.messages import Attachment
from core.text import clipped

_FILES = {
    "document": "application/octet-stream",
    "audio": "audio/mpeg",
    "voice": "audio/ogg",
    "video": "video/mp4",
    "video_note": "video/mp4",
    "animation": "video/mp4",
    "sticker": "image/webp",
}
_NAMES = {
    "audio": "audio.mp3",
    "voice": "voice.ogg",
    "video": "video.mp4",
    "video_note": "video.mp4",
    "animation": "animation.mp4",
    "sticker": "sticker.webp",
}
"""What is sent without a name is called so: elsewhere the end of a name says what opens it."""
_LONGEST_ID = 512


def files_of(message: dict[str, Any]) -> tuple[Attachment, ...]:
    """Files by name, type, size and ``remote``, their file_id: the bytes are fetched when somebody asks for them."""
    found = []
    photos = message.get("photo")
    if isinstance(photos, list) and photos:
        largest = mapping(photos[-1])
        found.append(Attachment("photo.jpg", "image/jpeg", number(largest.get("file_size")), remote=_id(largest)))
    for kind, media_type in _FILES.items():
        if kind == "document" and "animation" in message:
            continue  # an animation comes as both
        file = mapping(message.get(kind))
        if file:
            name = clipped(text(file.get("file_name")), 255) or _NAMES.get(kind, kind)
            media = clipped(text(file.get("mime_type")), 255) or media_type
            found.append(Attachment(name, media, number(file.get("file_size")), remote=_id(file)))
    return tuple(found)


def own_phone(message: dict[str, Any]) -> str:
    """The sender's number (E.164) if they shared their own contact, else empty.

    A contact whose ``user_id`` is the sender's comes from their own account; any other is what they say of somebody.
    """
    contact, sender = mapping(message.get("contact")), mapping(message.get("from"))
    if not contact or number(contact.get("user_id")) == 0 or contact.get("user_id") != sender.get("id"):
        return ""
    stated = text(contact.get("phone_number")).strip()
    try:
        return phone_number(stated if stated.startswith("+") else f"+{stated}")
    except ValueError:
        return ""


def words_of_contact(message: dict[str, Any]) -> str:
    """A shared contact in words, for whoever reads the conversation; empty where there is none."""
    contact = mapping(message.get("contact"))
    parts = (text(contact.get(name)) for name in ("first_name", "last_name", "phone_number"))
    return clipped(" ".join(filter(None, parts)), 300)


def words_of_place(message: dict[str, Any]) -> str:
    """A place in words: its name and address where it has them, latitude and longitude; empty where there is none."""
    venue = mapping(message.get("venue"))
    location = mapping(message.get("location")) or mapping(venue.get("location"))
    latitude, longitude = location.get("latitude"), location.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return ""
    named = (text(venue.get(name)) for name in ("title", "address"))
    return clipped(", ".join([*filter(None, named), f"{latitude:.6g}, {longitude:.6g}"]), 300)


def map_of(message: dict[str, Any]) -> str:
    """A place in words and as a link that opens on any map; empty where there is none."""
    words = words_of_place(message)
    if not words:
        return ""
    place = mapping(message.get("location")) or mapping(mapping(message.get("venue")).get("location"))
    where = f"mlat={place['latitude']:.6f}&mlon={place['longitude']:.6f}"
    return f"📍 {words}\nhttps://www.openstreetmap.org/?{where}"


def emoji_of(message: dict[str, Any]) -> str:
    """What a sticker that moves says in one sign; empty for anything else."""
    sticker = mapping(message.get("sticker"))
    moves = sticker.get("is_animated") is True or sticker.get("is_video") is True
    return clipped(text(sticker.get("emoji")), 20) if moves else ""


def _id(file: dict[str, Any]) -> str:
    found = text(file.get("file_id"))
    return found if len(found) <= _LONGEST_ID else ""
