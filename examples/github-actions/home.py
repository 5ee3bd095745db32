"""Carry a home from one runner to the next, through a bucket.

    python home.py fetch s3://bucket/omnium-home    before the run: fetch the newest home, if one was stored
    python home.py store s3://bucket/omnium-home    after the run, even if it failed

The home is OMNIUM_HOME (default: omnium-data). Credentials are those of `--publish-to`. The bucket gets `state/` with
the working database, but no access token, logs or scratch files; a run creates the rest again. If two runs fetched the
same home, the second to store it is refused with status 1: its work is lost, and the next run repeats it. The bucket
holds all data of the warehouse, and the key for personal data unless one was configured: keep it private.
"""

import json
import sys
import tarfile
import tempfile
from pathlib import Path

from omnium_elt.infra.configuration import home_of
from omnium_elt.infra.errors import OmniumEltError
from omnium_elt.infra.files import checksum
from omnium_elt.steps.bucket import Bucket

HOME = home_of(None).root
FETCHED = HOME / "fetched.json"
NOT_CARRIED = {"state/token.json", "state/lock", "state/spool", "state/dbt", "state/logs", "state/spark"}


def fetch(bucket: Bucket) -> None:
    """Unpack the newest home, and note its number."""
    if (HOME / "state").exists():
        raise OmniumEltError(f"{HOME} is not empty", "Fetch into a folder that holds no home.")
    numbers = bucket.numbers()
    HOME.mkdir(parents=True, exist_ok=True)
    if numbers:
        file = bucket.manifest(numbers[-1])["files"]["home.tar.gz"]
        with tempfile.TemporaryDirectory() as folder:
            packed = Path(folder, "home.tar.gz")
            bucket.files.get_file(f"{bucket.root}/{file['path']}", str(packed))
            if checksum(packed) != file["sha256"]:
                raise OmniumEltError(f"{file['path']} is not what was stored", "Fetch again.")
            with tarfile.open(packed) as archive:
                archive.extractall(HOME, filter="data")
        (HOME / "state").chmod(0o700)
        print(f"home {numbers[-1]} fetched")
    else:
        print("no home was stored yet: the run begins with everything")
    FETCHED.write_text(json.dumps({"number": numbers[-1] if numbers else 0}))


def store(bucket: Bucket) -> None:
    """Pack the home, and store it as the successor of the one that was fetched."""
    if not FETCHED.exists() or not (HOME / "state").exists():
        raise OmniumEltError(
            f"{HOME} was not fetched, or nothing was loaded into it", "Fetch it before the run."
        )
    fetched = json.loads(FETCHED.read_text())["number"]
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder, "home.tar.gz")
        with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
            for path in sorted((HOME / "state").iterdir()):
                if (name := f"state/{path.name}") not in NOT_CARRIED:
                    archive.add(path, name)
        there = [("home.tar.gz", packed, checksum(packed))]
        done = bucket.put(there, lambda _: {"run_id": f"after {fetched}"}, after=fetched)
    FETCHED.write_text(json.dumps({"number": done["number"]}))
    print(f"home {done['number']} stored, {done['bytes_sent']:,} bytes")


def main() -> int:
    """Fetch or store, as the command line says; return the exit status."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("fetch", "store"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        {"fetch": fetch, "store": store}[sys.argv[1]](Bucket.opened(sys.argv[2]))
    except OmniumEltError as error:
        print(f"{error.message}\n{error.remedy}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
