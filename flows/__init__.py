"""Studies as Prefect flows. The only place where prefect is imported.

Importing this package starts nothing. It only says, before prefect reads its settings, what we never want
unasked: telemetry, and a temporary server inside the user's process (9 s, and false tracebacks at its end).
A value the user has set stays.
"""

import os

WITHOUT_ASKING = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
}
"""Environment of every process that runs flows, unless the user says otherwise."""

for _name, _value in WITHOUT_ASKING.items():
    os.environ.setdefault(_name, _value)
