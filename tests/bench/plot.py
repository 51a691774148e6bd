# SPDX-License-Identifier: BSD-3-Clause
"""Curves as self-contained SVG, readable on light and on dark pages."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 430
LEFT, RIGHT, TOP, BOTTOM = 68, 24, 84, 62
# colours that the colour-blind tell apart too: on light, on dark
COLOURS = (('#0067b1', '#58b4f5'), ('#c8500a', '#f59b52'), ('#00805a', '#3ecfa0'), ('#a04a87', '#e08fc8'),
           ('#6b6b00', '#d6d04a'), ('#555555', '#bbbbbb'))


def style():
    """Without support for dark pages (some converters have none) the light colours hold."""
    light = ''.join(f'.s{i}{{color:{pair[0]}}}' for i, pair in enumerate(COLOURS))
    dark = ''.join(f'.s{i}{{color:{pair[1]}}}' for i, pair in enumerate(COLOURS))
    return ('text{font:13px system-ui,"DejaVu Sans",sans-serif;fill:#24292f}.title{font-size:16px;font-weight:600}'
            '.page{fill:#ffffff}.grid{stroke:#d8dde3}.axis{stroke:#57606a}'
            '.line{fill:none;stroke:currentColor;stroke-width:2.2;stroke-linejoin:round}'
            f'.span{{stroke:currentColor;stroke-width:1.4;opacity:.55}}.dot{{fill:currentColor}}{light}'
            '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}.grid{stroke:#30363d}'
            f'.axis{{stroke:#8b949e}}{dark}}}')


def short(number):
    for size, suffix in ((1e6, 'M'), (1e3, 'k')):
        if number >= max(size, 1e4) and number % size == 0:
            return f'{number / size:g}{suffix}'
    return f'{number:,}'


def y_step(top):
    """A round step that makes four to eight of the axis."""
    unit = 10 ** math.floor(math.log10(top / 4))
    return next(unit * factor for factor in (1, 2, 5, 10) if top / (unit * factor) <= 8)


class Scale:
    """Where values lie on the page. x is logarithmic, y begins at 0 and ends at a whole step."""

    def __init__(self, xs, top):
        self.low, self.high = math.log(min(xs)), math.log(max(xs))
        self.step = y_step(top)
        self.steps = math.ceil(top / self.step - 1e-9)

    def x(self, value):
        span = (self.high - self.low) or 1
        return LEFT + 14 + (math.log(value) - self.low) / span * (WIDTH - LEFT - RIGHT - 28)

    def y(self, value):
        return HEIGHT - BOTTOM - value / (self.step * self.steps) * (HEIGHT - TOP - BOTTOM)


def axes(scale, xs, x_label, y_label):
    parts = []
    for i in range(scale.steps + 1):
        y = scale.y(i * scale.step)
        parts.append(f'<line class="{"grid" if i else "axis"}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" '
                     f'y2="{y:.1f}"/><text x="{LEFT - 8}" y="{y + 4.5:.1f}" '
                     f'text-anchor="end">{i * scale.step:g}</text>')
    bottom = HEIGHT - BOTTOM
    for x in xs:
        parts.append(f'<line class="axis" x1="{scale.x(x):.1f}" x2="{scale.x(x):.1f}" y1="{bottom}" '
                     f'y2="{bottom + 5}"/><text x="{scale.x(x):.1f}" y="{bottom + 21}" '
                     f'text-anchor="middle">{short(x)}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 16}" '
                 f'text-anchor="middle">{escape(x_label)}</text>')
    middle = (TOP + bottom) / 2
    parts.append(f'<text transform="translate(20 {middle}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')
    return parts


def series(scale, number, points):
    """A line through the middles, with a bar from the lowest to the highest at each."""
    path = ' '.join(f'{scale.x(x):.1f},{scale.y(middle):.1f}' for x, middle, _, _ in points)
    parts = [f'<g class="s{number % len(COLOURS)}"><polyline class="line" points="{path}"/>']
    for x, middle, low, high in points:
        parts.append(f'<line class="span" x1="{scale.x(x):.1f}" x2="{scale.x(x):.1f}" y1="{scale.y(low):.1f}" '
                     f'y2="{scale.y(high):.1f}"/><circle class="dot" cx="{scale.x(x):.1f}" cy="{scale.y(middle):.1f}" '
                     'r="3.8"/>')
    return [*parts, '</g>']


def legend(names):
    parts = []
    x = LEFT
    for number, name in enumerate(names):
        parts.append(f'<g class="s{number % len(COLOURS)}"><line class="line" x1="{x}" x2="{x + 24}" y1="57" y2="57"/>'
                     f'<circle class="dot" cx="{x + 12}" cy="57" r="3.8"/></g>'
                     f'<text x="{x + 31}" y="61.5">{escape(name)}</text>')
        x += 31 + 8 * len(name) + 26
    return parts


def curves(title, x_label, y_label, by_name):
    """An SVG of {name: [(x, middle, low, high)]}, x > 0. None when there is nothing to draw."""
    by_name = {name: sorted(points) for name, points in by_name.items() if points}
    xs = sorted({point[0] for points in by_name.values() for point in points})
    top = max((point[3] for points in by_name.values() for point in points), default=0)
    if len(xs) < 2 or top <= 0:
        return None
    scale = Scale(xs, top)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
             f'height="{HEIGHT}" role="img"><title>{escape(title)}</title><style>{style()}</style>'
             f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
             f'<text class="title" x="{LEFT}" y="32">{escape(title)}</text>', *legend(by_name),
             *axes(scale, xs, x_label, y_label)]
    for number, points in enumerate(by_name.values()):
        parts += series(scale, number, points)
    return '\n'.join([*parts, '</svg>', ''])
