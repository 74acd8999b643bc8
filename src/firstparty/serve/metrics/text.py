"""Samples to Prometheus' text format (version 0.0.4), and the texts of processes to one. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from firstparty.serve.metrics.metric import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of a metric, with its labels."""

    metric: Metric
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def render(samples: Iterable[Sample], *, process: str) -> str:
    """The text of these samples, each with a label ``process``; families stay together."""
    families: dict[Metric, list[str]] = {}
    for sample in samples:
        labels = {"process": process, **sample.labels}
        told = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
        line = f"{sample.metric.name}{{{told}}} {sample.value:.15g}"
        families.setdefault(sample.metric, []).append(line)
    blocks = [
        "\n".join(
            (f"# HELP {one.name} {_escape(one.help)}", f"# TYPE {one.name} {one.kind}", *lines)
        )
        for one, lines in families.items()
    ]
    return "\n".join((*blocks, "")) if blocks else ""


def merge(texts: Iterable[str]) -> str:
    """One text of several: a family's lines come together, as the format demands."""
    families: dict[str, list[str]] = {}
    for text in texts:
        name = ""
        for line in text.splitlines():
            if line.startswith("# "):
                name = line.split(" ", 3)[2]
                lines = families.setdefault(name, [])
                if line not in lines[:2]:
                    lines.append(line)
            elif line:
                families.setdefault(name, []).append(line)
    return "".join(f"{line}\n" for lines in families.values() for line in lines)


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
