"""The small language of `where`: properties compared with numbers, joined by and, or, not and parentheses.

The text is parsed by Python's own parser and turned into an SQL expression with bound values; no text of the
user ever becomes SQL. A comparison is true of a study that has a value which satisfies it, so a study without
the property satisfies none, and `not density > 1` includes it. In `0.9 < density < 1.1` one value must
satisfy both sides.
"""

import ast
import difflib
import math
import operator
import warnings
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_, select

from polyomics.database.tables import MeasurementRow, Study
from polyomics.errors import InvalidSettings

EXAMPLE = "density > 1.0 and not radius_of_gyration >= 2"
LONGEST = 2000
"""Characters a condition may have."""
MOST_COMPARISONS = 100
"""Comparisons a condition may have."""
DEEPEST = 30
"""How deep and, or and not may be nested; databases limit the depth of an expression."""

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def study_condition(text: str, known: Collection[str]) -> ColumnElement[bool]:
    """The condition on `study` that a text spells.

    Args:
        text: For example "density > 1.0 and radius_of_gyration < 2"; a name that is no Python name goes in
            quotes ("'Scaled Rg' > 1").
        known: Names of the properties it may use.

    Raises:
        InvalidSettings: The text is not of this language; the message lists the known names and an example.
    """
    return _Translator(text, known).condition()


class _Translator:
    def __init__(self, text: str, known: Collection[str]) -> None:
        self.text = text
        self.known = known
        self.comparisons = 0

    def condition(self) -> ColumnElement[bool]:
        if len(self.text) > LONGEST:
            raise self.refused(f"it has {len(self.text)} characters, more than {LONGEST}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(self.text.strip(), mode="eval")
            return self.boolean(tree.body)
        except SyntaxError as error:
            raise self.refused(f"it cannot be read ({error.msg})") from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise self.refused("it cannot be read") from error

    def boolean(self, node: ast.expr, depth: int = 0) -> ColumnElement[bool]:
        if depth > DEEPEST:
            raise self.refused(f"it is nested deeper than {DEEPEST} levels")
        if isinstance(node, ast.BoolOp):
            parts = [self.boolean(value, depth + 1) for value in node.values]
            return and_(*parts) if isinstance(node.op, ast.And) else or_(*parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not_(self.boolean(node.operand, depth + 1))
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        raise self.refused(f"{self.written(node)} is not a comparison of a property with a number")

    def comparison(self, node: ast.Compare) -> ColumnElement[bool]:
        self.comparisons += len(node.ops)
        if self.comparisons > MOST_COMPARISONS:
            raise self.refused(f"it has more than {MOST_COMPARISONS} comparisons")
        operands = [self.operand(item) for item in (node.left, *node.comparators)]
        names = {item for item in operands if isinstance(item, str)}
        pairs = list(zip(operands, node.ops, operands[1:], strict=False))
        if len(names) != 1 or any(isinstance(left, str) == isinstance(right, str) for left, _, right in pairs):
            raise self.refused(f"{self.written(node)} does not compare one property with numbers")
        table = MeasurementRow
        tests = [table.name == names.pop()]
        for left, symbol, right in pairs:
            compare = _COMPARE.get(type(symbol))
            if compare is None:
                raise self.refused(f"{self.written(node)} uses a comparison other than < <= > >= == !=")
            columns = [table.value if isinstance(item, str) else item for item in (left, right)]
            tests.append(compare(*columns))
        return Study.id.in_(select(table.study_id).where(*tests))

    def operand(self, node: ast.expr) -> str | float:
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            number = self.operand(node.operand)
            if isinstance(number, float):
                return -number if isinstance(node.op, ast.USub) else number
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                return self.name(node.value)
            if isinstance(node.value, int | float) and not isinstance(node.value, bool):
                return self.number(node.value)
        raise self.refused(f"{self.written(node)} is neither a property nor a number")

    def number(self, value: float) -> float:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            raise self.refused("it has a number that is too large")
        return number

    def name(self, name: str) -> str:
        if name in self.known:
            return name
        near = difflib.get_close_matches(name, self.known, n=1)
        raise self.refused(f"{name!r} is not a known property" + (f"; did you mean {near[0]!r}?" if near else ""))

    def written(self, node: ast.expr) -> str:
        part = ast.get_source_segment(self.text.strip(), node) or self.text
        return repr(part if len(part) <= 60 else part[:57] + "...")

    def refused(self, reason: str) -> InvalidSettings:
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        names = ", ".join(sorted(self.known)) or "none is stored yet"
        return InvalidSettings(
            f"the condition {shown!r} is not understood: {reason}; write for example {EXAMPLE!r} "
            f"(known properties: {names})"
        )
