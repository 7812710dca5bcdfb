"""HTML put together so that no text can become markup: whatever is not `Markup` is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

_VOID = frozenset({"br", "hr", "img", "input", "meta"})
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s,;]*[^\s,;.)\]]")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | Markup | None
"""What may stand in an element; None is nothing."""


def element(name: str, /, *children: Child | Iterable[Child], **attributes: str | bool | None) -> Markup:
    """An HTML element.

    Args:
        name: Its name.
        children: What is in it; plain strings are escaped.
        attributes: Its attributes; `class_` is written class, `data_x` data-x; None and False are left out.
    """
    opening = name + "".join(_attribute(*item) for item in attributes.items())
    if name in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{joined(*children)}</{name}>")


def joined(*children: Child | Iterable[Child]) -> Markup:
    """Children one after the other; plain strings are escaped."""
    return Markup("".join(_text(child) for child in _flat(children)))


def table(headings: Sequence[str], rows: Iterable[Sequence[Child]], *, class_: str | None = None) -> Markup:
    """A table; the first cell of a row is its heading. On a narrow screen cells stand below each other."""
    head = element("tr", [element("th", heading, scope="col") for heading in headings])
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            [element("td", cell, data_label=heading) for heading, cell in zip(headings[1:], row[1:], strict=True)],
        )
        for row in rows
    ]
    classes = "stacks" if class_ is None else f"stacks {class_}"
    inner = element("table", element("thead", head), element("tbody", body), class_=classes)
    return element("div", inner, class_="scroll")


def with_doi_links(text: str) -> Markup:
    """Text in which every DOI is a link."""
    pieces: list[Child] = []
    end = 0
    for found in _DOI.finditer(text):
        pieces += [
            text[end : found.start()],
            element("a", found[0], href=f"https://doi.org/{found[0]}", rel="noreferrer"),
        ]
        end = found.end()
    return joined(pieces, text[end:])


def _flat(children: Iterable[Child | Iterable[Child]]) -> Iterable[Child]:
    for child in children:
        if child is None or isinstance(child, str):
            yield child
        else:
            yield from child


def _text(child: Child) -> str:
    if child is None:
        return ""
    return str(child) if isinstance(child, Markup) else escape(child)


def _attribute(name: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(str(value))}"'
