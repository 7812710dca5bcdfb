"""Studies as work: held by a lease, carried out in a process of their own, handed on when a process ends.

No prefect here: a worker computes whether or not a dashboard listens.
"""
