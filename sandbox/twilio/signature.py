"""The signature of Twilio's requests: HMAC-SHA1 over the URL and the sorted form parameters, in base64."""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def signature(token: str, url: str, parameters: Mapping[str, str]) -> str:
    """What ``X-Twilio-Signature`` carries for a form POST to ``url`` (without its fragment)."""
    signed = url + "".join(name + parameters[name] for name in sorted(parameters))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
