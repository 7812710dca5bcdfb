"""Molecular dynamics: a cell and a protocol in, segments on disk out."""
