"""Metadata of a data set for machines: MLCommons Croissant 1.0 (DOI 10.1145/3650203.3663326), JSON-LD on schema.org."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyomics.publication.about import About
    from polyomics.publication.dataset import Counts

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"double": "sc:Float", "float": "sc:Float", "int": "sc:Integer", "bool": "sc:Boolean", "timestamp": "sc:Date"}


def croissant(
    about: About, counts: Counts, columns: Mapping[str, Mapping[str, Any]], checksums: Mapping[str, str]
) -> str:
    """The metadata as JSON.

    Args:
        about: What the authors say.
        counts: What is in it.
        columns: Columns of every file, with type and unit.
        checksums: SHA-256 of every file.
    """
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": about.title,
        "description": about.description or f"{counts.values:,} properties of {counts.polymers:,} amorphous polymers.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": f"https://spdx.org/licenses/{about.licence}",
        "creator": [{"@type": "sc:Person", "name": name} for name in about.authors],
        "citeAs": f"{', '.join(about.authors)}: {about.title} ({counts.latest[:4]})",
        "datePublished": counts.latest[:10],
        "version": "1.0.0",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "contentUrl": name,
                "encodingFormat": "application/x-parquet",
                "sha256": checksums[name],
            }
            for name in columns
        ],
        "recordSet": [_record_set(name, some) for name, some in columns.items()],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _record_set(file: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    stem = file.removesuffix(".parquet")
    return {
        "@type": "cr:RecordSet",
        "@id": stem,
        "name": stem,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{stem}/{name}",
                "name": name,
                "description": f"in {about['unit']}" if about["unit"] not in ("", "1") else name.replace("_", " "),
                "dataType": _type(about["type"]),
                **({"repeated": True} if about["type"].startswith("list") else {}),
                "source": {"fileObject": {"@id": file}, "extract": {"column": name}},
            }
            for name, about in columns.items()
        ],
    }


def _type(of_parquet: str) -> str:
    return next((ours for theirs, ours in _TYPES.items() if of_parquet.startswith(theirs)), "sc:Text")
