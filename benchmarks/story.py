"""The demo's story, timed: cold start, from NS records to HTTPS, and memory of the whole stack.

Each figure stands beside its bound and beside what is not ours in it: Envoy and nats-server.
Run: .venv/bin/python benchmarks/story.py [--runs N]
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

BOUNDS = {
    "whole story, s": 60.0,
    "cold start of all roles, s": 5.0,
    "from NS records to HTTPS, s": 5.0,
    "resident memory, MB": 600.0,
}
STEPS = {
    "cold start of all roles, s": "all roles are serving",
    "from NS records to HTTPS, s": "cdp.shop.test is live over HTTPS",
}


def main() -> None:
    """Run the demo some times and print the medians."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=3)
    runs = [run_once() for _ in range(arguments.parse_args().runs)]
    print(f"story: median (worst) of {len(runs)} runs")
    for name, bound in BOUNDS.items():
        figures = [run[name] for run in runs]
        middle = statistics.median(figures)
        print(
            f"  {name:30} {middle:7.2f} ({max(figures):.2f})   bound {bound:.0f}, "
            f"ratio {middle / bound:.2f}"
        )
    last = runs[-1]["memory by process, MB"]
    print("  resident memory by process, MB: " + json.dumps(last))
    print(f"  of which Envoy and nats-server {last['envoy'] + last['nats']:.0f} MB")


def run_once() -> dict[str, Any]:
    """One demo from nothing; figures by name."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "demo"
        started = time.perf_counter()
        demo = subprocess.Popen(
            [sys.executable, "-m", "firstparty", "demo", "--state", str(state)],
            stdout=subprocess.PIPE,
        )
        try:
            report = wait_for_story(demo, state)
            figures: dict[str, Any] = {"whole story, s": time.perf_counter() - started}
            taken = {one["step"]: one["seconds"] for one in report["story"]}
            figures |= {name: taken[step] for name, step in STEPS.items()}
            figures["memory by process, MB"] = measure_memory(demo.pid, report["pids"])
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait()
    figures["resident memory, MB"] = sum(figures["memory by process, MB"].values())
    return figures


def wait_for_story(demo: subprocess.Popen[bytes], state: Path) -> dict[str, Any]:
    """demo.json, once the story has been told."""
    assert demo.stdout is not None
    for line in demo.stdout:
        if b"Look around" in line:
            report: dict[str, Any] = json.loads((state / "demo.json").read_text())
            return report
    raise SystemExit(f"the demo failed with {demo.wait()}")


def measure_memory(supervisor: int, pids: dict[str, int]) -> dict[str, float]:
    """Resident megabytes of every process; shared pages count in each, so the sum is too high."""
    names: dict[int, str] = {supervisor: "demo and supervisor"}
    for role, pid in pids.items():
        names[pid] = f"{names[pid]}+{role}" if pid in names else role
    return {
        name: round(psutil.Process(pid).memory_info().rss / 1e6, 1) for pid, name in names.items()
    }


if __name__ == "__main__":
    main()
