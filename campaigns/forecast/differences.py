"""How a campaign in the folder differs from the version in force, as a list that people can read. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from campaigns.definition import CampaignBody

What = Literal["step", "template", "file", "offer", "key"]
Action = Literal["added", "removed", "changed"]
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. ``details`` name what changed, with plain values before and after: ``wait 3d → 4d``."""

    what: What
    action: Action
    name: str
    details: tuple[str, ...] = ()


def differences(old: CampaignBody, new: CampaignBody) -> tuple[Difference, ...]:
    """Every difference: steps in the order of the new version, what else the campaign says, offers, texts."""
    before, after = old.definition.model_dump(mode="json"), new.definition.model_dump(mode="json")
    steps_before, steps_after = before.pop("steps"), after.pop("steps")
    found = list(_steps({step["id"]: step for step in steps_before}, {step["id"]: step for step in steps_after}))
    common = [step["id"] for step in steps_after if step["id"] in {one["id"] for one in steps_before}]
    if common != [step["id"] for step in steps_before if step["id"] in common]:
        found.append(Difference("key", "changed", "steps", (" → ".join(common),)))
    found += [
        Difference("key", _action(before[key], after[key]), key, _whole(_told(before[key], after[key])))
        for key in after
        if before[key] != after[key]
    ]
    offers = ({name: offer.model_dump(mode="json") for name, offer in body.offers.items()} for body in (old, new))
    found += _named("offer", *offers)
    found += _named("template", old.templates, new.templates)
    files = ({place: file.blob for place, file in body.files.items()} for body in (old, new))
    found += _named("file", *files)
    return tuple(found)


def _steps(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name, step in after.items():
        if name not in before:
            yield Difference("step", "added", name, (step["kind"],))
        elif before[name] != step:
            yield Difference("step", "changed", name, _keys(before[name], step))
    for name, step in before.items():
        if name not in after:
            yield Difference("step", "removed", name, (step["kind"],))


def _named(what: What, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        if name not in before:
            yield Difference(what, "added", name)
        elif name not in after:
            yield Difference(what, "removed", name)
        elif before[name] != after[name]:
            details = _keys(before[name], after[name]) if isinstance(after[name], Mapping) else ()
            yield Difference(what, "changed", name, details)


def _keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    parts = []
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key), after.get(key)
        if old != new:
            parts.append(f"{key} {_told(old, new)}".strip())
    return tuple(parts)


def _whole(told: str) -> tuple[str, ...]:
    return (told,) if told else ()


def _action(before: Any, after: Any) -> Action:
    return "added" if _is_empty(before) else "removed" if _is_empty(after) else "changed"


def _is_empty(value: Any) -> bool:
    return value in (None, "", [], {})


def _told(before: Any, after: Any) -> str:
    """``3d → 4d``; of structures the keys that differ; of long texts nothing."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        inner = " · ".join(_keys(before, after))
        return f"({inner})" if inner else ""
    old, new = _plain(before), _plain(after)
    return f"{old} → {new}" if old is not None and new is not None else ""


def _plain(value: Any) -> str | None:
    """A short value as text, a list of such joined; None of what is neither."""
    if _is_empty(value):
        return NOTHING
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        value = " ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        text = str(value)
        return text if len(text) <= 40 else None
    return None
