"""How a command ends: an exit code, and one sentence on stderr where something is wrong."""

import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import typer

from polyomics.errors import PolyomicsError

DEBUG_VARIABLE = "POLYOMICS_DEBUG"
USAGE_ERROR = 2
DEFECT = 70
"""EX_SOFTWARE of sysexits.h."""

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
_ClickError: type[Exception] = typer.BadParameter.__mro__[2]
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


class Stopped(BaseException):
    """The user or the system asked a run to stop; what was done up to the last checkpoint is on disk.

    No Exception, so that nothing on the way takes it for a failure of a study.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


STOPPED = "stopped; run the same command to go on from the last checkpoint"


def debugging() -> bool:
    """Whether tracebacks were asked for."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


def exit_code_of(command: Callable[[], object]) -> int:
    """Run `command` and say in one sentence on stderr what went wrong, if something did."""
    if not debugging():
        warnings.simplefilter("ignore")
    _print_whatever_the_encoding()
    try:
        code = command()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        _close_quietly()
        return 1
    except Stopped as stopped:
        say(STOPPED)
        return 128 + stopped.signal_number
    except KeyboardInterrupt:
        say("stopped")
        return 128 + signal.SIGINT
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except Exception as error:
        if debugging():
            traceback.print_exc()
        say(f"error: {sentence(error)}")
        return exit_code(error)


def exit_code(error: BaseException) -> int:
    """The exit code an error ends the process with."""
    if isinstance(error, PolyomicsError | _ClickError):
        return int(getattr(error, "exit_code", 1))
    if isinstance(error, typer.Abort):
        return 1
    if isinstance(error, OSError) and error.errno in _DISK_FULL | _NOT_ALLOWED:
        return USAGE_ERROR
    return 1 if isinstance(error, MemoryError) else DEFECT


def sentence(error: BaseException) -> str:
    """What is wrong, on one line."""
    if isinstance(error, _ClickError):
        text = _usage(error)
    elif isinstance(error, PolyomicsError):
        text = str(error)
    elif isinstance(error, typer.Abort):
        text = "aborted"
    elif isinstance(error, OSError) and error.errno in _DISK_FULL:
        text = f"{_written(error)} cannot be written: {error.strerror}; free some space and run the same command again"
    elif isinstance(error, OSError) and error.errno in _NOT_ALLOWED:
        text = f"{_written(error)} cannot be used: {error.strerror}"
    elif isinstance(error, MemoryError):
        text = "the memory of this machine is not enough; ask for a smaller cell"
    else:
        text = (
            f"unexpected {type(error).__name__}: {error} (a defect of polyomics; set {DEBUG_VARIABLE}=1 for the "
            "traceback, and report it)"
        )
    return " ".join(text.split())


def say(text: str) -> None:
    """One line on stderr; nothing if nobody listens."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        _close_quietly()


def _usage(error: Any) -> str:
    text = str(error.format_message()).strip().rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return text
    name = type(error).__name__
    if name == "NoSuchOption":
        text = f"{text}; {context.command_path!r} knows {', '.join(_options(context.command.params))}"
    elif text.startswith("No such command"):
        text = f"{text}; there are {', '.join(sorted(context.command.commands))}"
    elif "unexpected extra argument" in text:
        text += " (quote a SMILES: '*CC(*)C')"
    return f"{text} (see '{context.command_path} --help')"


def _options(parameters: Sequence[Any]) -> list[str]:
    return sorted(option for p in parameters for option in p.opts if option.startswith("--"))


def _written(error: OSError) -> str:
    return str(error.filename) if error.filename else "the output"


def _print_whatever_the_encoding() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _close_quietly() -> None:
    """Let what is still buffered go nowhere, so that Python does not complain at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
