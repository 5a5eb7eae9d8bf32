"""What can go wrong with a template after it was checked."""

from core.errors import OtklikError


class TemplateFailure(OtklikError):
    """A template that cannot be rendered for this customer; the text names the file and the reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"templates/{path}: {reason}")
        self.path = path
        self.reason = reason
