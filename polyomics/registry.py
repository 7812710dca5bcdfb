"""A registry that finds the files beside it: one new thing is one new file."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from polyomics.errors import UnknownName

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind, by name, found in the modules of one package.

    The modules are imported at the first look-up, so that importing the registry costs nothing.

    Args:
        kind: What is registered, for messages ("charge model").
        package: Dotted name of the package whose modules register things.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._items: dict[str, T] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files the object under `name`; a second owner of a name is refused."""

        def add(item: T) -> T:
            if name in self._items:
                raise ValueError(f"two {self.kind}s are called {name!r}: {self._items[name]!r} and {item!r}")
            self._items[name] = item
            return item

        return add

    def names(self) -> list[str]:
        """Every registered name, sorted."""
        self._discover()
        return sorted(self._items)

    def items(self) -> Iterator[tuple[str, T]]:
        """Name and object, in order of name."""
        for name in self.names():
            yield name, self._items[name]

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._items

    def __getitem__(self, name: str) -> T:
        self._discover()
        try:
            return self._items[name]
        except KeyError:
            near = difflib.get_close_matches(str(name), self._items, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UnknownName(f"{name!r} is not a known {self.kind}{hint} (known: {', '.join(self.names())})") from None

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self._package}.{module.name}")
