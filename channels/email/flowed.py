"""Text in ``format=flowed`` (RFC 3676) with its soft line breaks taken out."""

LONGEST_PARAGRAPH = 20_000
"""Characters; a longer one keeps its breaks."""


def unflowed(text: str, *, delete_space: bool = False) -> str:
    """Lines that end in a space joined with what follows at the same depth of quotation.

    ``delete_space`` is the parameter DelSp=yes: the space was not the writer's. A signature's ``-- `` stays a line.
    """
    out: list[str] = []
    pieces: list[str] = []
    depth, length = 0, 0
    for line in text.replace("\r\n", "\n").split("\n"):
        mine, content = _quoted(line)
        soft = content.endswith(" ") and content != "-- "
        if pieces and (mine != depth or content == "-- " or length > LONGEST_PARAGRAPH):
            out.append(_marked(depth, pieces))
            pieces, length = [], 0
        depth = mine
        pieces.append(content[:-1] if soft and delete_space else content)
        length += len(content)
        if not soft:
            out.append(_marked(depth, pieces))
            pieces, length = [], 0
    if pieces:
        out.append(_marked(depth, pieces))
    return "\n".join(out)


def _quoted(line: str) -> tuple[int, str]:
    """(depth of quotation, the line without its marks and the space that stuffs it)."""
    content = line.lstrip(">")
    return len(line) - len(content), content.removeprefix(" ")


def _marked(depth: int, pieces: list[str]) -> str:
    joined = "".join(pieces)
    return f"{'>' * depth} {joined}" if depth else joined
