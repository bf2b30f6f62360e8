"""Accuracy over look-up tables as an SVG: ``python benchmarks/lut4_frontier.py docs/lut4.csv -o docs/lut4.svg``.

The file has a row ``series,lut4,percent`` for each point; points of a series are joined, a single one stands alone. The
horizontal axis is logarithmic.
"""

import csv
from collections import defaultdict
from math import log10
from pathlib import Path
from typing import Annotated

import typer

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 60, 190, 20, 50
COLORS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a", "#bf3989", "#1b7c83")
TICKS = (50, 100, 200, 500, 1000, 2000, 5000)
GRID = "#d0d7de"


def across(lut4: float) -> float:
    """Horizontal place."""
    low, high = log10(TICKS[0]), log10(TICKS[-1] * 1.2)
    return LEFT + (log10(lut4) - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def up(percent: float, lowest: int) -> float:
    """Vertical place."""
    return HEIGHT - BOTTOM - (percent - lowest) / (100 - lowest) * (HEIGHT - TOP - BOTTOM)


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """A line of the grid."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GRID}"/>'


def text(x: float, y: float, words: str, anchor: str = "middle", color: str = "#57606a") -> str:
    """A label."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>'


def frame(lowest: int) -> list[str]:
    """Grid, ticks and names of the axes."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [line(across(tick), TOP, across(tick), bottom) for tick in TICKS]
    parts += [text(across(tick), bottom + 18, str(tick)) for tick in TICKS]
    for percent in range(lowest, 101, 2):
        parts += [line(LEFT, up(percent, lowest), right, up(percent, lowest))]
        parts += [text(LEFT - 8, up(percent, lowest) + 4, f"{percent}", "end")]
    parts.append(text((LEFT + right) / 2, HEIGHT - 10, "LUT4 (logarithmic)"))
    return [*parts, text(LEFT, 14, "test accuracy, %", "start")]


def main(source: Path, output: Annotated[Path, typer.Option("-o", "--output")]) -> None:
    """Draw."""
    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with source.open(newline="") as file:
        for row in csv.DictReader(file):
            series[row["series"]].append((float(row["lut4"]), float(row["percent"])))
    lowest = 2 * int(min(percent for points in series.values() for _, percent in points) // 2)
    parts = frame(lowest)
    for number, (name, points) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        places = [(across(lut4), up(percent, lowest)) for lut4, percent in sorted(points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in places]
        parts.append(f'<circle cx="{WIDTH - RIGHT + 16}" cy="{TOP + 12 + 22 * number}" r="4" fill="{color}"/>')
        parts.append(text(WIDTH - RIGHT + 26, TOP + 16 + 22 * number, name, "start", color))
    font = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {font}>'
    output.write_text("\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n")


if __name__ == "__main__":
    typer.run(main)
