"""How the contract drives each channel kind: its provider's answers, by the fact that each shows."""

from pathlib import Path

CHANNEL_TESTS = Path(__file__).parents[2] / "channels"
"""Where each channel's captured payloads lie."""
