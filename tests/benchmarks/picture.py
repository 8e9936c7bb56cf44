"""The figures as a picture: bars on a logarithmic scale, written as SVG by hand."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from tests.benchmarks.clients import CLIENTS, OURS
from tests.benchmarks.targets import Figures

_WIDTH, _LEFT, _ROW = 820, 210, 20
_OURS, _REFERENCE, _PEER = "#0a7d5a", "#9aa5b1", "#4c78a8"

#: The panels: title, where the rows are, which number, how it is written.
_PANELS = [
    ("CPU per look at 100 waits, times the plain aiohttp loop", ("looks", "100 waits"), "ratio", "{:.2f}"),
    ("Memory per pending wait at 1,000 waits, KiB", ("memory", "1,000 waits"), "kib", "{:.1f}"),
    ("Lag at default settings, task of 60 s, median seconds", ("lag", "60 s, computed"), "lag", "{:.2f}"),
    ("Looks for that", ("lag", "60 s, computed"), "looks", "{:.0f}"),
]


def drawn(figures: Figures) -> str:
    """The picture."""
    parts: list[str] = []
    top = 30
    for title, (key, column), number, form in _PANELS:
        rows = figures.get(key, {}).get(column, {})
        values = {name: float(row[number]) for name, row in rows.items() if row.get(number)}
        if values:
            parts.append(_panel(title, values, form, top))
            top += _ROW * len(values) + 50
    about: dict[str, Any] = figures["about"]
    foot = f"{about['day']}, Python {about['python']}; logarithmic scales, shorter is better"
    parts.append(f'<text x="10" y="{top}" fill="#666">{escape(foot)}</text>')
    size = f'width="{_WIDTH}" height="{top + 15}" viewBox="0 0 {_WIDTH} {top + 15}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n'
    parts.insert(0, '<rect width="100%" height="100%" fill="#fff"/>')
    return head + "\n".join(parts) + "\n</svg>\n"


def _panel(title: str, values: dict[str, float], form: str, top: int) -> str:
    parts = [f'<text x="10" y="{top}" font-size="14" font-weight="bold">{escape(title)}</text>']
    least, most = min(values.values()), max(values.values())
    span = math.log(most / least) or 1.0
    for number, (name, value) in enumerate(sorted(values.items(), key=lambda item: item[1])):
        y = top + 12 + number * _ROW
        length = 30 + (_WIDTH - _LEFT - 110) * math.log(value / least) / span
        client = CLIENTS.get(name)
        color = _OURS if name.startswith(OURS) else _REFERENCE if client and client.reference else _PEER
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_LEFT}" y="{y}" width="{length:.0f}" height="{_ROW - 5}" fill="{color}"/>'
            f'<text x="{_LEFT + length + 6:.0f}" y="{y + 12}">{form.format(value)}</text>'
        )
    return "\n".join(parts)
