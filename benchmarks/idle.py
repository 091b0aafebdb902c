"""Memory that a terminal costs while it is logged in and says nothing."""

from __future__ import annotations

from .figures import Figure, Part
from .plan import Plan
from .programs import allow_many_files, compiled, run_fleet, service

AT_MOST = 8.0
"""KB of resident memory for each connection."""

_FILES_BESIDE = 100
"""Open files of a service that are no connections; generous."""


def measure(plan: Plan) -> Part:
    """Growth of a fresh service's resident memory by so many idle connections, from a few source addresses."""
    tools, allowed = compiled(), allow_many_files()
    figures, notes = [], []
    grown: dict[int, int] = {}
    for count in plan.idle_connections:
        if count + _FILES_BESIDE > allowed:
            notes.append(f"{count:,} connections are left out: a process may open {allowed:,} files (ulimit -n).")
            continue
        with service(plan.scratch / f"idle-{count}") as server:
            result = run_fleet(tools, server, connections=count, window=0, seconds=plan.idle_seconds)
        grown[count] = result["rss_kb_after"] - result["rss_kb_before"]
        figures.append(Figure(f"{count:,} connections, each", grown[count] / count, "KB", at_most=AT_MOST))
        figures.append(Figure(f"{count:,} connections: all logged in after", 1000 * result["login_seconds"], "ms"))
    if len(grown) > 1:
        few, many = min(grown), max(grown)
        # Without what the first logins bring into memory once: modules, caches, the heap's own growth.
        each = (grown[many] - grown[few]) / (many - few)
        figures.append(Figure(f"each one more than {few:,}", each, "KB", at_most=AT_MOST))
    return Part("idle", "resident memory of the service for each idle connection that is logged in", figures, notes)
