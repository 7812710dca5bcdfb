"""Kinds of stages, one file each."""
