"""Charts as SVG texts for `report.Page`: the same data give the same bytes.

Lines and words take the colour of the page's text, so that a chart is readable on light and on dark.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = tuple[Sequence[float], Sequence[float]]

COLOURS: Final = ("#3b82c4", "#e08a2e", "#3aa57a", "#c75d9b", "#8a78d0", "#7d8794")
_INK: Final = "#010203"
_LONGEST: Final = 28
"""Letters shown of a label; a longer one would leave no room to draw."""
_MANY: Final = 30
"""From this many labels on, a heat map names none of them."""


def bars(
    series: Mapping[str, Sequence[float]],
    labels: Sequence[str],
    *,
    axis: str = "",
    horizontal: bool = False,
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
) -> str:
    """Bars of each series side by side for each label.

    Args:
        series: Name to one value for each label.
        labels: What the bars stand for.
        axis: Title of the value axis.
        horizontal: Put the labels below each other; better when they are long or many.
        low: Lower ends of the intervals of a single series.
        high: Their upper ends.
    """
    figure, axes = _figure(6.4, max(1.8, 0.7 + 0.34 * len(labels) * len(series)) if horizontal else 3.4)
    width = 0.8 / len(series)
    for index, (name, values) in enumerate(series.items()):
        places = [place + (index - (len(series) - 1) / 2) * width for place in range(len(labels))]
        draw = axes.barh if horizontal else axes.bar
        draw(places, values, width * 0.92, label=name, color=COLOURS[index % len(COLOURS)])
        if low is not None and high is not None:
            below = [value - end for value, end in zip(values, low, strict=True)]
            above = [end - value for value, end in zip(values, high, strict=True)]
            if horizontal:
                axes.errorbar(values, places, xerr=[below, above], fmt="none", ecolor=_INK, capsize=3)
            else:
                axes.errorbar(places, values, yerr=[below, above], fmt="none", ecolor=_INK, capsize=3)
    if horizontal:
        axes.set_yticks(range(len(labels)), _short(labels))
        axes.invert_yaxis()
        axes.set_xlabel(axis)
    else:
        axes.set_xticks(range(len(labels)), _short(labels))
        axes.set_ylabel(axis)
    axes.grid(axis="x" if horizontal else "y", alpha=0.25)
    return _svg(figure, axes, legend=len(series) > 1)


def lines(series: Mapping[str, Points], *, x: str, y: str) -> str:
    """Curves; few points are marked. A name that begins with `_` is drawn pale and left out of the legend."""
    figure, axes = _figure()
    for index, (name, (xs, ys)) in enumerate(series.items()):
        pale = name.startswith("_")
        colour = COLOURS[0] if pale else COLOURS[index % len(COLOURS)]
        axes.plot(xs, ys, label=name, color=colour, alpha=0.3 if pale else 1, marker="o" if len(xs) < 25 else "", ms=4)
    axes.set(xlabel=x, ylabel=y)
    if all(isinstance(value, int) for xs, _ in series.values() for value in xs):
        axes.locator_params(axis="x", integer=True)  # there is no step 12.5
    axes.grid(alpha=0.25)
    return _svg(figure, axes, legend=len([name for name in series if not name.startswith("_")]) > 1)


def heatmap(matrix: Sequence[Sequence[int]], labels: Sequence[str], *, x: str, y: str) -> str:
    """Counts in a square, such as a confusion matrix; colours are shares of the row."""
    from matplotlib.patches import Rectangle

    count = len(labels)
    figure, axes = _figure(max(6.0, 1.8 + 0.5 * count), max(3.8, 1.4 + 0.45 * count))
    for row, values in enumerate(matrix):
        total = sum(values) or 1
        for column, value in enumerate(values):
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, color=COLOURS[0], alpha=0.85 * value / total, lw=0)
            )
            if count <= 12:
                words = f"{value:,}\n{value / total:.0%}" if count <= 6 else f"{value:,}"
                axes.text(column, row, words, ha="center", va="center", fontsize=10 if count <= 6 else 8)
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), xlabel=x, ylabel=y, aspect="equal")
    named = _short(labels) if count < _MANY else [""] * count
    axes.set_xticks(range(count), named, rotation=45 if count > 3 else 0, ha="right" if count > 3 else "center")
    axes.set_yticks(range(count), named)
    return _svg(figure, axes)


def reliability(confidence: Sequence[float], accuracy: Sequence[float], rows: Sequence[int]) -> str:
    """How often the model is right, by how sure it says it is; one point for each bin, sized by its rows."""
    figure, axes = _figure()
    largest = max(rows, default=1)
    axes.plot([0, 1], [0, 1], color=_INK, alpha=0.4, lw=1, ls="--", label="perfectly calibrated")
    axes.plot(confidence, accuracy, color=COLOURS[0], lw=1.5, label="model")
    axes.scatter(confidence, accuracy, s=[15 + 120 * n / largest for n in rows], color=COLOURS[0], zorder=3)
    left = min([0.5, *confidence]) - 0.03
    axes.set(xlim=(left, 1.02), ylim=(min([left, *accuracy]) - 0.02, 1.04), xlabel="confidence", ylabel="accuracy")
    axes.grid(alpha=0.25)
    return _svg(figure, axes, legend=True)


def roc(curves: Mapping[str, Points]) -> str:
    """ROC curves: name to false and true positive rates."""
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], color=_INK, alpha=0.4, lw=1, ls="--", label="chance")
    for index, (name, (false, true)) in enumerate(curves.items()):
        axes.plot(false, true, color=COLOURS[index % len(COLOURS)], label=name)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04), xlabel="false positive rate", ylabel="true positive rate")
    axes.grid(alpha=0.25)
    return _svg(figure, axes, legend=True)


def histogram(
    series: Mapping[str, Sequence[float]],
    *,
    x: str,
    y: str = "rows",
    bins: int = 30,
    weights: Mapping[str, Sequence[float]] | None = None,
) -> str:
    """Distribution of the values of each series over the same bins; weights tell how often each value stands there."""
    figure, axes = _figure()
    names = list(series)
    colours = [COLOURS[index % len(COLOURS)] for index in range(len(names))]
    values = [series[name] for name in names]
    often = [weights[name] for name in names] if weights else None
    axes.hist(values, bins=bins, weights=often, label=names, color=colours, stacked=True)
    axes.set(xlabel=x, ylabel=y)
    axes.grid(axis="y", alpha=0.25)
    return _svg(figure, axes, legend=len(names) > 1)


def _short(labels: Sequence[str]) -> list[str]:
    return [label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…" for label in labels]


def _figure(width: float = 6.0, height: float = 3.8) -> tuple[Any, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Any, axes: Axes, legend: bool = False) -> str:
    import matplotlib
    from matplotlib.text import Text

    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for spine in axes.spines.values():
        spine.set(color=_INK, alpha=0.4)
    axes.tick_params(color=_INK, labelcolor=_INK)
    for words in (axes.xaxis.label, axes.yaxis.label, *axes.texts):
        words.set_color(_INK)
    if legend:
        # Above the axes: it covers nothing, and matplotlib need not search for a free place.
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 3, "borderaxespad": 0.2}
        axes.legend(frameon=False, labelcolor=_INK, fontsize="small", **above)
    for words in figure.findobj(Text):
        words.set_parse_math(False)  # a `$` in a label is a dollar
    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    settings = {"svg.fonttype": "none", "svg.hashsalt": "evertune", "text.parse_math": False}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The browser draws the words, so it does not matter which glyphs matplotlib's own font has.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="constrained_layout not applied")  # crowded, but drawn
        figure.savefig(out, format="svg", transparent=True, metadata=nothing)
    text = out.getvalue()
    return text[text.index("<svg") :].replace(_INK, "currentColor").strip()
