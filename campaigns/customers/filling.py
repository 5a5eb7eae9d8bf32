"""What a customer gets from another who turns out to be them: only what they lack. Pure."""

from collections.abc import Mapping
from typing import Any

from core.text import folded

_OWN = ("external_id", "locale", "zone", "zone_guess", "country", "city", "gender", "birthday", "stage", "hours")


def gaps_filled(survivor: Mapping[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    """The survivor's columns that change, with their new values.

    A name is taken whole or not at all. They have been known since the earlier of the two, and rest from marketing
    until the later.
    """
    filled = {name: merged[name] for name in _OWN if not survivor[name] and merged[name]}
    if not (survivor["first_name"] or survivor["last_name"]) and (merged["first_name"] or merged["last_name"]):
        filled |= {name: merged[name] for name in ("first_name", "last_name")}
        filled["search"] = folded(f"{merged['first_name']} {merged['last_name']}")
    attributes = {**merged["attributes"], **survivor["attributes"]}
    if attributes != survivor["attributes"]:
        filled["attributes"] = attributes
    if merged["created_at"] < survivor["created_at"]:
        filled["created_at"] = merged["created_at"]
    rest = merged["not_now_until"]
    if rest is not None and (survivor["not_now_until"] is None or survivor["not_now_until"] < rest):
        filled["not_now_until"] = rest
    return filled
