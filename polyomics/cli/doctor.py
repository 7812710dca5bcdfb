"""`polyomics doctor`: does everything a run needs work here?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyomics.cli.check import AsJson

if TYPE_CHECKING:
    from rich.text import Text

    from polyomics.doctor import Finding


def doctor(as_json: AsJson = False) -> int:
    """Check this machine: versions, folders, database, AmberTools, OpenMM and its speed, Prefect.

    The speed of every OpenMM platform is measured on a small cell; that takes some seconds.

    Example:  polyomics doctor

    JSON: a list with name, status (ok, warn, fail), detail, advice, facts.

    Exit code: 0 if a run would work, 1 if something it needs does not.
    """
    from polyomics.cli.render import clean_stdout, make_console, print_json
    from polyomics.doctor import examine

    found = []
    console = make_console()
    findings = examine()
    while True:
        with clean_stdout():
            finding = next(findings, None)
        if finding is None:
            break
        found.append(finding)
        if not as_json:
            console.print(_line(finding))
    if as_json:
        print_json([finding.model_dump(mode="json") for finding in found])
    failed = [finding.name for finding in found if finding.status == "fail"]
    if not as_json:
        end = f"needs attention: {', '.join(failed)}" if failed else "everything a run needs works"
        console.print(end, style="bold red" if failed else "bold green")
    return 1 if failed else 0


_STYLE = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def _line(finding: Finding) -> Text:
    from rich.text import Text

    text = Text.assemble(
        (f"{finding.status:<5}", _STYLE[finding.status]),
        (f"{finding.name:<20} ", "bold"),
        finding.detail,
    )
    if finding.advice:
        text.append(f"\n{'':<26}-> {finding.advice}", style=_STYLE[finding.status])
    return text
