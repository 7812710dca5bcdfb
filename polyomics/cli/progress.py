"""A run on the screen: a live line on a terminal, plain lines every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from polyomics.cli.ending import say
from polyomics.cli.render import clock, duration
from polyomics.md.progress import Progress, Report

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

LINE_INTERVAL_S = 5.0
NOTICE = "prefect"
"""Name of the reports that are no step but something to be kept on the screen: the address of the dashboard."""
_REFRESHES_PER_S = 4


@contextmanager
def progress_display(console: Console, *, live: bool) -> Iterator[Report]:
    """Show the reports of one run until the block ends.

    Args:
        console: Where; stderr, so that stdout holds nothing but results.
        live: Redraw one line, on a terminal; else print lines.
    """
    if not live:
        yield _Lines()
        return
    from rich.live import Live

    display = _Screen(console)
    with Live(get_renderable=display.render, console=console, refresh_per_second=_REFRESHES_PER_S, transient=True):
        yield display
        display.end_step()


class _Lines:
    """Prints a line at every change of step, and at most every few seconds."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._step = ""
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        changed = progress.step != self._step
        if not changed and not progress.message and now - self._last < LINE_INTERVAL_S:
            return
        self._step, self._last = progress.step, now
        say(f"[{clock(now - self._started)}] {_sentence(progress)}")


class _Screen:
    """The present step on two lines, redrawn; a line for every step that has ended above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._step_started = self._started
        self._now: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        if progress.step == NOTICE:
            self._console.print(f"  {progress.step}: {progress.message}", style="cyan", soft_wrap=True)
            return
        if self._now is None or progress.step != self._now.step:
            self.end_step()
            self._step_started = time.monotonic()
        if progress.stage_index and progress.message:
            self._console.print(f"  {_name(progress)}: {progress.message}", style="cyan")
        self._now = progress

    def end_step(self) -> None:
        """Leave a line that says how long the present step took."""
        if self._now is None:
            return
        from rich.text import Text

        done = Text.assemble(
            ("  ✓ ", "green"),
            f"{_name(self._now):<20}",
            (f"{clock(time.monotonic() - self._step_started):>8}  ", ""),
            (", ".join(_numbers(self._now)), "dim"),
        )
        self._console.print(done)

    def render(self) -> RenderableType:
        """What the screen shows now; called by the display's own thread."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        now, elapsed = self._now, clock(time.monotonic() - self._started)
        if now is None:
            return Text(f"starting  {elapsed}")
        if not now.total_ps:
            return Text.assemble((f"{now.step}: ", "bold"), now.message, f"  {elapsed} elapsed")
        bar = Table.grid(padding=(0, 1))
        bar.add_column(ratio=1, min_width=10)
        bar.add_column(no_wrap=True)
        bar.expand = True
        bar.add_row(ProgressBar(total=now.total_ps, completed=now.done_ps), f"{now.done_ps:.1f}/{now.total_ps:g} ps")
        details = [*_numbers(now), f"{elapsed} elapsed"]
        if now.seconds_left is not None:
            details.insert(-1, f"{duration(now.seconds_left)} left")
        return Group(bar, Text.assemble((_name(now), "bold"), "  ", "  ".join(details), no_wrap=True))


def _name(progress: Progress) -> str:
    if not progress.n_stages:
        return progress.step
    return f"{progress.stage_index}/{progress.n_stages} {progress.step}"


def _numbers(progress: Progress) -> list[str]:
    found = []
    if progress.ns_per_day is not None:
        found.append(f"{progress.ns_per_day:.3g} ns/day")
    if progress.density_g_cm3 is not None:
        found.append(f"{progress.density_g_cm3:.3f} g/cm³")
    return found


def _sentence(progress: Progress) -> str:
    parts = [] if not progress.message else [progress.message]
    if progress.total_ps:
        parts.append(f"{progress.done_ps:.1f} of {progress.total_ps:g} ps")
        parts += _numbers(progress)
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return f"{_name(progress)}: {', '.join(parts)}" if parts else _name(progress)
