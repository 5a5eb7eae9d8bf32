"""What a step's messages weigh with the files that they carry. Pure."""

from campaigns.definition import CampaignBody
from campaigns.templates.adapting import CAPABILITIES, OTHERS
from campaigns.templates.attachments import kept_file
from campaigns.templates.sources import files_for, take_apart


def carried(body: CampaignBody, step: str, leg: str, channel: str) -> tuple[int, int]:
    """(files, bytes) that one message of this leg carries at the most, over its variants and languages.

    Nothing on a channel that leads to files by links.
    """
    sends = body.definition.send_step(step)
    if sends is None or not body.files or not CAPABILITIES.get(channel, OTHERS).files:
        return 0, 0
    chosen = sends.chosen(leg)
    most = 0, 0
    for template in {chosen.template, *chosen.variants.values()}:
        for path in files_for(body.templates, template, channel):
            attach = take_apart(path, body.templates[path]).attach
            kept = [file for one in attach if (file := kept_file(body.files, path, one.file)) is not None]
            weight = len(kept), sum(file.size for file in kept)
            most = max(most, weight, key=lambda pair: pair[1])
    return most
