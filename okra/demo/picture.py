"""The live view's picture of one moment."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from okra.demo.frame import Frame, VersionRow, event_line

BAR = 30
COLOURS = {"stable": "green", "canary": "yellow", "blocked": "red", "": "dim"}
VERDICTS = {"Passed": "green", "Failed": "bold red"}


def picture(frame: Frame) -> RenderableType:
    return Panel(
        Group(
            Text(frame.headline, style="bold"),
            Text(),
            _versions(frame),
            Text(),
            _cell(frame),
            Text(),
            _events(frame),
        ),
        title=f"okra demo  {frame.elapsed:.0f} s",
        subtitle=f"http://{frame.pages}/debug/actors" if frame.pages else None,
        padding=(1, 2),
    )


def bar(share: float, width: int = BAR) -> str:
    """A share of 0 to 1 as a bar; a small one is still seen."""
    full = round(share * width)
    if share > 0:
        full = max(1, full)
    return "█" * full + "░" * (width - full)


def _versions(frame: Frame) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("version", "weight at the listener", "", "requests", "errors", ""):
        table.add_column(title, justify="right" if title in ("requests", "errors") else "left", no_wrap=True)
    for row in frame.versions:
        table.add_row(*_version(row))
    table.add_row("users saw", "", "", f"{frame.served + frame.failed:,}", f"{frame.failed:,}", style="dim")
    return table


def _version(row: VersionRow) -> list[Text]:
    style = COLOURS[row.role]
    errors = Text(f"{row.errors:,}", style="red" if row.errors else "")
    return [
        Text(row.version, style=style),
        Text(bar(row.share), style=style),
        Text(f"{row.share:.0%}", style=style),
        Text(f"{row.requests:,}"),
        errors,
        Text(row.role, style=style),
    ]


def _cell(frame: Frame) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("Cell", f"{frame.phase}   step {frame.step}")
    table.add_row("", Text(frame.message))
    for check in frame.checks:
        verdict = Text(check.verdict or "-", style=VERDICTS.get(check.verdict, "yellow"))
        table.add_row("check", Text.assemble(f"{check.name}  ", verdict, f"  {check.text}"))
    return table


def _events(frame: Frame) -> Group:
    lines = [
        Text(
            event_line(event, frame.started_at),
            style="yellow" if event.warning else "",
            no_wrap=True,
            overflow="ellipsis",
        )
        for event in frame.events
    ]
    return Group(Text("last events", style="dim"), *lines)
