"""Studies with the same beginning: what one has computed, another takes over instead of computing it again.

Two studies that differ only in what is probed after equilibration have the same cell and the same first stages, bit
for bit, since seeds follow from the polymer, the seed and the stage and from nothing else. A note in the cache folder
says which run folders begin alike. What is taken over is linked, not copied, and is only believed after its checksums
and its manifest have been compared with what this study would compute.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyomics.errors import CorruptFile
from polyomics.files import MANIFEST_FILE, read_json, write_json, writing_to
from polyomics.records import digest
from polyomics.spec import SCIENCE_VERSION, StudySpec

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = "cache/lineages"
"""Folder of the notes, below the home folder."""
_KEY_LENGTH = 20


def lineage_of(spec: StudySpec) -> str:
    """Digest of all that the stages of equilibration depend on: the same for studies that differ in probes only."""
    protocol = spec.protocol
    begin = protocol.plain.content["stages"][: protocol.n_of_equilibration]
    content = spec.model_dump(
        mode="json", include={"polymer", "cell", "force_field", "conditions", "seed", "replicate"}
    )
    return digest([SCIENCE_VERSION, content, protocol.nonbonded.model_dump(mode="json"), begin])[:_KEY_LENGTH]


@dataclass(frozen=True)
class Relatives:
    """The run folders that begin as that of a study does.

    Args:
        home: Folder of runs and caches.
        spec: The study.
        guard: The right to change its run folder, held for a moment.
    """

    home: Path
    spec: StudySpec
    guard: Callable[[], AbstractContextManager[None]]

    def introduce(self) -> None:
        """Note the study among its relatives, once."""
        if self.spec.key in self._keys():
            return
        with writing_to(self._note):
            self._note.parent.mkdir(parents=True, exist_ok=True)
            with self._note.open("a", encoding="ascii") as stream:
                stream.write(self.spec.key + "\n")

    def take_over_cell(self, notes: str) -> bool:
        """Link the packed cell of a relative, if one has it; its notes, which hold the checksums, come last.

        Args:
            notes: Name of the file of notes in the folder of the cell.
        """
        return any(self._take_over(folder / "cell", "cell", notes, _files_of_cell) for folder in self._folders())

    def take_over_stage(self, name: str, record: dict[str, Any], here: str) -> bool:
        """Link a finished stage of a relative, if one has it.

        Args:
            name: Name of the stage.
            record: What its manifest must say it is.
            here: Folder of the stage in this study's run folder, relative to that.
        """
        if (self._folder / here / MANIFEST_FILE).exists():
            return False
        for folder in self._folders():
            for stage in sorted(folder.glob(f"stages/[0-9]*-{name}")):
                if self._take_over(stage, here, MANIFEST_FILE, lambda manifest: _files_of_stage(manifest, record)):
                    return True
        return False

    # ---------------------------------------------------------------- inside

    @property
    def _folder(self) -> Path:
        return self.home / "runs" / self.spec.key

    @cached_property
    def _note(self) -> Path:
        lineage = lineage_of(self.spec)
        return self.home / FOLDER / lineage[:2] / lineage

    def _keys(self) -> list[str]:
        try:
            lines = self._note.read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return []
        return [line for line in lines if len(line) == _KEY_LENGTH and line.isalnum()]

    def _folders(self) -> Iterator[Path]:
        for key in self._keys():
            if key != self.spec.key:
                yield self.home / "runs" / key

    def _take_over(
        self, there: Path, here: str, last: str, files: Callable[[dict[str, Any]], list[str] | None]
    ) -> bool:
        """Link the files that the record `last` lists, then write that; nothing if one is gone meanwhile."""
        try:
            record = read_json(there / last)
            names = files(record)
        except (CorruptFile, KeyError, TypeError):
            return False
        if not names:
            return False
        target = self._folder / here
        with self.guard():
            try:
                target.mkdir(parents=True, exist_ok=True)
                for name in names:
                    _link(there / name, target / name)
            except OSError:
                return False
            write_json(target / last, record)
        return True


def _files_of_cell(notes: dict[str, Any]) -> list[str] | None:
    return [name for name in notes["files"] if name == Path(name).name]


def _files_of_stage(manifest: dict[str, Any], record: dict[str, Any]) -> list[str] | None:
    if not manifest["done"] or manifest["stage"] != record:
        return None
    return [name for segment in manifest["segments"] for name in segment["files"] if name == Path(name).name]


def _link(source: Path, target: Path) -> None:
    """A second name for a file that is only ever replaced; a copy where the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
