"""The report's charts: stacked bars a day, as inline SVG. No script, no outside asset; colours are the page's."""

from collections.abc import Mapping, Sequence
from html import escape

from core.catalogue import listed

WIDTH, HEIGHT = 960, 240
_LEFT, _BOTTOM, _TOP = 52, 26, 10


def stacked_bars(labels: Sequence[str], series: Mapping[str, Sequence[float]], *, title: str, rtl: bool = False) -> str:
    """One bar a label, one colour a series (``--c0`` … of the page); a bar says its numbers when it is pointed at."""
    totals = [sum(values[place] for values in series.values()) for place in range(len(labels))]
    top = _nice(max(totals, default=0))
    plot_width, plot_height = WIDTH - _LEFT - 8, HEIGHT - _BOTTOM - _TOP
    step = plot_width / max(1, len(labels))
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" direction="ltr">',
        f"<title>{escape(title)}</title>",
    ]
    for part in range(5):
        value = top * part / 4
        y = _TOP + plot_height * (1 - part / 4)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>')
    every = max(1, -(-len(labels) // 12))
    for place, label in enumerate(labels):
        at = len(labels) - 1 - place if rtl else place
        x = _LEFT + at * step
        y = float(_TOP + plot_height)
        shown = (f"{name}: {_exact(values[place])}" for name, values in series.items() if values[place])
        said = listed("fa" if rtl else "en", shown)
        parts.append(f"<g><title>{escape(f'{label} · {said}' if said else label)}</title>")
        for number, values in enumerate(series.values()):
            height = plot_height * values[place] / top
            y -= height
            if height > 0:
                parts.append(
                    f'<rect class="c{number % 8}" x="{x + step * 0.08:.2f}" y="{y:.2f}" width="{step * 0.84:.2f}"'
                    f' height="{height:.2f}"/>'
                )
        parts.append("</g>")
        if place % every == 0:
            middle = f'x="{x + step / 2:.1f}" y="{HEIGHT - 8}" text-anchor="middle"'
            parts.append(f'<text class="axis" {middle}>{escape(label)}</text>')
    parts.append("</svg>")
    return "".join(parts)


def _nice(value: float) -> float:
    """The next round number, four of whose parts are round as well: whole ones for a count."""
    size = 4.0 if float(value).is_integer() else 0.004
    while True:
        for factor in (1, 2, 2.5, 5):
            if size * factor >= value:
                return size * factor
        size *= 10


def _exact(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _short(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:g}"
