"""Which of the workspace's languages a campaign's texts do not speak. Pure."""

from collections.abc import Iterator, Mapping

from campaigns.definition import CampaignBody
from campaigns.templates.sources import MESSAGE, file_parts
from campaigns.workspace.openings import opened_by


def missing_languages(campaigns: Mapping[str, CampaignBody], default: str) -> Iterator[tuple[str, str]]:
    """(campaign, message) for every text that lacks a locale which other texts of the workspace have.

    Readers of a missing locale get the text of the workspace's own, ``default``; one without a suffix speaks it.
    """
    spoken = {name: _spoken(body) for name, body in campaigns.items()}
    used = {
        locale
        for texts in spoken.values()
        for (template, _), locales in texts.items()
        for locale in locales
        if not opened_by(template)[0]
    } - {""}
    used = {locale for locale in used if locale.partition("-")[0] != default.partition("-")[0]}
    seen: set[tuple[str, str]] = set()
    for name, texts in spoken.items():
        for (template, channel), own in texts.items():
            if opened_by(template)[0]:
                continue  # a flow's own check tells its languages
            locales = own | texts.get((template, MESSAGE), set())  # the common text speaks for each channel
            languages = {locale.partition("-")[0] for locale in locales}
            missing = sorted(
                locale for locale in used if locale not in locales and locale.partition("-")[0] not in languages
            )
            if missing and (template, channel) not in seen:
                seen.add((template, channel))
                readers = ", ".join(missing)
                said = f"templates/{template} has no {channel} text in {readers}"
                yield name, f"{said}; those readers get the one in {default}"


def _spoken(body: CampaignBody) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for path in body.templates:
        parts = file_parts(path)
        if parts is not None:
            found.setdefault((path.partition("/")[0], parts[0]), set()).add(parts[1])
    return found
