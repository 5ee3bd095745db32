"""Airflow (2.9 or newer): one load, and a task per resource that shows its result.

`load` reads all resources side by side, within Omnium's limits on concurrent requests; of 36 loads at once, the home's
lock would let only one run. Each resource is then a task of its own: green, skipped (unchanged) or red, with its rows
and its error. A red one fails the DAG run, but does not keep transform and publish from running.

omnium-elt is called as a command (Variable `omnium_elt`), so that it can be installed in a virtual environment of its
own, apart from Airflow's pinned packages. Credentials come from the worker's environment or a secrets backend.
"""

import json
import subprocess
from datetime import datetime, timedelta
from typing import Any

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
except ImportError:  # Airflow 3.0 and before
    from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException

try:
    from airflow.sdk import Variable, dag, get_current_context, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.models import Variable
    from airflow.operators.python import get_current_context

WRONG_CONFIGURATION = 2
INCOMPLETE = 3
OTHER_RUN = 75
DEFAULT_PROGRAM = "/opt/omnium-elt/bin/omnium-elt"


def omnium_elt(*arguments: str) -> dict[str, Any]:
    """Run a command and return its report; raise unless it did at least part of its work."""
    program = Variable.get("omnium_elt", DEFAULT_PROGRAM)  # Airflow 2 calls it default_var, Airflow 3 default
    try:
        done = subprocess.run([program, *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        raise AirflowFailException(
            f"{program}: {error.strerror}; set the Variable omnium_elt to the program"
        ) from error
    if done.returncode == OTHER_RUN:
        raise AirflowSkipException("another run holds this home")
    if not done.stdout:  # killed, e.g. by the kernel for lack of memory
        raise AirflowException(f"{program} {arguments[0]} ended with {done.returncode}, and without a report")
    report: dict[str, Any] = json.loads(done.stdout)
    if done.returncode == WRONG_CONFIGURATION:
        raise AirflowFailException(report["error"])  # no retry helps
    if done.returncode not in (0, INCOMPLETE):
        raise AirflowException(report["error"])
    return report


@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["omnium"],
)
def omnium() -> None:
    """Load, show each resource, transform, publish."""

    @task
    def load() -> list[dict[str, Any]]:
        return list(omnium_elt("load")["resources"])

    @task(map_index_template="{{ resource_name }}", retries=0)
    def resource(report: dict[str, Any]) -> int:
        get_current_context()["resource_name"] = report["name"]  # type: ignore[typeddict-unknown-key]
        if report["status"] == "unchanged":
            raise AirflowSkipException("unchanged")
        if report["status"] != "ok":
            raise AirflowException(f"{report['status']}: {report['error']}")
        return int(report["rows"])

    @task
    def transform() -> dict[str, Any]:
        return omnium_elt("transform")["steps"][0]

    @task
    def publish() -> dict[str, Any]:
        return omnium_elt("publish")["steps"][0]

    loaded = load()
    resource.expand(report=loaded)
    loaded >> transform() >> publish()


@dag(schedule="@weekly", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1, tags=["omnium"])
def omnium_reconcile() -> None:
    """Mark the rows that were deleted in the tenant."""

    @task
    def reconcile() -> int:
        return sum(one["rows"] for one in omnium_elt("reconcile")["resources"])

    reconcile()


omnium()
omnium_reconcile()
