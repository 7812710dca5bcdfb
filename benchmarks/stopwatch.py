"""Wall and CPU seconds of the steps of a benchmark; standard library only, so that peers' environments can use it."""

import resource
import time


class Stopwatch:
    """Adds up the time between laps, under the name of what was done; child processes count too."""

    def __init__(self) -> None:
        self.wall_s: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}
        self._last = self._now()

    def lap(self, name: str) -> None:
        """Give the time since the last lap to `name`."""
        now = self._now()
        self.wall_s[name] = self.wall_s.get(name, 0.0) + now[0] - self._last[0]
        self.cpu_s[name] = self.cpu_s.get(name, 0.0) + now[1] - self._last[1]
        self._last = now

    @staticmethod
    def _now() -> tuple[float, float]:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used)
