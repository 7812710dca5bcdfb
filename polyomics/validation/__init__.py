"""Predicted values held against experiment, polymer by polymer, and how well they agree.

A table of experimental values (`reference_polymers`) and what studies gave (`comparison`) become rows, the rows become
numbers (`summary`), and both become files (`files`).
"""
