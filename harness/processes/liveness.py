"""Processes: what tells one from another, and whether it still runs."""

import socket
import subprocess
from pathlib import Path

_known_dead: set[str] = set()


def identity(pid: int) -> str:
    """Return what tells a process from every other one, those of other machines included."""
    return f"{socket.gethostname()}:{pid}:{_started(pid) or 'unknown'}"


def note_dead(identity: str) -> None:
    """Let a process, be it of another machine, count as gone, for whoever ran it has said so."""
    _known_dead.add(identity)


def is_dead(identity: str) -> bool:
    """Tell whether a process of this machine is gone, or one that was noted as such.

    One that cannot be judged counts as alive.
    """
    if identity in _known_dead:
        return True
    parts = identity.rsplit(":", 2)
    if len(parts) != 3 or parts[0] != socket.gethostname() or parts[2] == "unknown":
        return False
    return _started(int(parts[1])) != parts[2]


def _started(pid: int) -> str | None:
    """Return when a process started, in the system's own words without `:`; None if it is gone."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    try:
        answer = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
    except OSError:
        return "unknown"
    return "-".join(answer.stdout.replace(":", "-").split()) or None
