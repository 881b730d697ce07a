# SPDX-License-Identifier: Apache-2.0
"""curves: compare.py's growth rows as a page of charts, each a picture in the page itself.

Both axes grow by factors: a straight line is a power. Needs nothing but Python.
"""

import html
import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460, 280, 60, 12, 28, 34
COLOURS = ("#0b6e4f", "#5b8def", "#c0392b", "#8d8d8d")


def charts_of(entries):
    """title: {x: entry}; only those with more than one point."""
    charts = {}
    for e in entries:
        title, x = e["point"]
        charts.setdefault(title, {})[x] = e
    return {t: p for t, p in charts.items() if len(p) > 1}


def short(value):
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return "%g%s" % (round(value / factor, 2), unit)
    return "%g" % round(value, 3)


class Axis:
    """Values to places, by their logarithms; 0 stands a little before the smallest."""

    def __init__(self, values, begin, end):
        least = min(v for v in values if v > 0)
        self.zero = least / 2
        logs = [self.log(v) for v in values]
        self.low, self.high = min(logs), max(logs)
        if self.high - self.low < 0.3:  # a factor of two at least, or noise looks like growth
            self.low, self.high = self.low - 0.15, self.high + 0.15
        self.begin, self.end = begin, end

    def log(self, value):
        return math.log10(value if value > 0 else self.zero)

    def at(self, value):
        return self.begin + (self.log(value) - self.low) / (self.high - self.low) * (
            self.end - self.begin)

    def marks(self):
        """Powers of ten, and where these are few, 2 and 5 times them."""
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        steps = (1,) if self.high - self.low > 2 else (1, 2, 5)
        marks = [s * 10.0 ** p for p in powers for s in steps]
        return [m for m in marks if self.low - 1e-9 <= math.log10(m) <= self.high + 1e-9]


def text(x, y, what, anchor="middle", **more):
    style = "".join(' %s="%s"' % (k.replace("_", "-"), v) for k, v in more.items())
    return '<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>' % (x, y, anchor, style,
                                                                    html.escape(what))


def line(x1, y1, x2, y2):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/>' % (x1, y1, x2, y2)


def chart(title, points, names):
    values = [v for e in points.values() for n, v in e["median"].items() if n in names and v > 0]
    if not values:
        return ""
    unit = next(iter(points.values()))["unit"]
    xs, ys = Axis(list(points), LEFT, WIDTH - RIGHT), Axis(values, HEIGHT - BOTTOM, TOP)
    out = ['<svg viewBox="0 0 %d %d" width="%d" height="%d">' % (WIDTH, HEIGHT, WIDTH, HEIGHT),
           text(WIDTH / 2, 14, "%s [%s]" % (title, unit), font_weight="bold")]
    for x in points if len(points) < 9 else xs.marks():
        out += [line(xs.at(x), TOP, xs.at(x), HEIGHT - BOTTOM),
                text(xs.at(x), HEIGHT - BOTTOM + 14, short(x))]
    for y in ys.marks():
        out += [line(LEFT, ys.at(y), WIDTH - RIGHT, ys.at(y)),
                text(LEFT - 6, ys.at(y) + 4, short(y), "end")]
    for i, name in enumerate(names):
        colour = COLOURS[i % len(COLOURS)]
        seen = [(xs.at(x), ys.at(e["median"][name])) for x, e in sorted(points.items())
                if e["median"].get(name, 0) > 0]
        out.append('<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>' % (
            colour, " ".join("%.1f,%.1f" % p for p in seen)))
        out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x, y, colour) for x, y in seen]
        out.append(text(LEFT + 100 * i, HEIGHT - 4, name, "start", fill=colour))
    return "\n".join(out + ["</svg>"])


def page(entries, names):
    drawn = [chart(t, p, names) for t, p in charts_of(entries).items()]
    return "\n".join(['<!doctype html><meta charset="utf-8"><title>As the work grows</title>',
                      "<style>body{font:14px sans-serif;margin:20px}svg{margin:8px}"
                      "text{font:11px sans-serif}</style>", "<h1>As the work grows</h1>",
                      "<p>Medians; all contestants in turn, in one run. Both axes grow by factors."
                      "</p>"] + drawn)
