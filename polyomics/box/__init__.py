"""One machine as a whole: the dashboard's server and a worker, started, kept running and ended together.

Programs only: nothing here imports prefect, and nothing here computes.
"""
