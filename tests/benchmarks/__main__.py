"""python -m tests.benchmarks [NAME …] [--scale 0.1]: measure all goals, or the named ones."""

import argparse
import os
import platform
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import (
    changed,
    demand,
    history,
    large_tenant,
    lean_orders,
    memory,
    models,
    publishing,
    read_json,
    scale,
    start_up,
    unchanged,
    versus_airbyte,
    versus_bare_loop,
    versus_older,
    versus_rest_api,
)
from tests.benchmarks.measuring import Outcome

BENCHMARKS: dict[str, Callable[[float], Outcome]] = {
    "rest_api": versus_rest_api.against_defaults,
    "rest_api_parquet": versus_rest_api.against_parquet,
    "airbyte": versus_airbyte.filled_orders,
    "bare_loop": versus_bare_loop.filled_orders,
    "uneven": versus_bare_loop.uneven_orders,
    "older": versus_older.small,
    "older_filled": versus_older.filled,
    "lean": lean_orders.orders_a_second,
    "lean_far": lean_orders.far_away,
    "large": large_tenant.all_resources,
    "memory": memory.million_orders,
    "memory_filled": memory.filled_orders,
    "unchanged": unchanged.nothing_changed,
    "changed": changed.one_percent,
    "changed_fields": changed.with_new_field,
    "little": changed.a_little,
    "history": history.ten_times,
    "models": models.all_models,
    "models_wide": models.wide,
    "demand": demand.measure,
    "demand_sandbox": demand.measure_sandbox,
    "help": start_up.help_text,
    "scale": scale.models,
    "publish": publishing.large_warehouse,
    "read_json": read_json.measure,
}


def main() -> int:
    """Run the benchmarks; return 1 if a goal is missed, otherwise 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", choices=[[], *BENCHMARKS], help=", ".join(BENCHMARKS)
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, for a quick look")
    parser.add_argument(
        "--data",
        type=Path,
        help="demand: a file of daily sales (sku, day, quantity; prices in a file `*articles*` beside it); "
        "without one, a made-up parts store",
    )
    parser.add_argument(
        "--sizes",
        type=lambda text: [float(size) for size in text.split(",")],
        default=scale.SIZES,
        help="scale: millions of order lines (1,5,20)",
    )
    parser.add_argument(
        "--engines",
        type=lambda text: text.split(","),
        default=scale.ENGINES,
        help=f"scale: of {','.join(scale.ENGINES)}",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=scale.MINUTES,
        help="scale: at most so many for a build (%(default)g)",
    )
    parser.add_argument(
        "--memory", type=float, default=scale.MEMORY, help="scale: GiB that a build may take (%(default)g)"
    )
    parser.add_argument("--keep", type=Path, help="scale: where the grown tenants stay, to be used again")
    options = parser.parse_args()
    if not set(options.engines) <= set(scale.ENGINES):
        parser.error(f"--engines are of {', '.join(scale.ENGINES)}")
    benchmarks = {
        **BENCHMARKS,
        "demand": lambda share: demand.measure(share, options.data),
        "scale": lambda share: scale.models(
            share, options.sizes, options.engines, options.minutes, options.memory, options.keep
        ),
    }
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    print(f"{os.cpu_count()} cores, {machine}")
    if options.scale != 1:
        print(f"at {options.scale:g} of the full size: no measure of the goals")
    # On SIGTERM, raise SystemExit, so that the server and the measured process are stopped, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    outcomes = []
    for name in options.names or BENCHMARKS:
        load = f" (load average before: {os.getloadavg()[0]:.1f})" if hasattr(os, "getloadavg") else ""
        print(f"\n[{name}]{load}", flush=True)
        outcomes.append(benchmarks[name](options.scale))
        print(outcomes[-1], end="", flush=True)
    return 0 if all(outcome.is_met for outcome in outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
