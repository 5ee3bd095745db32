"""sandbox and dashboard: the commands that serve on loopback until they are interrupted."""

import sys
import threading
from typing import TYPE_CHECKING

from omnium_elt.cli.parser import command, port, tenant_size
from omnium_elt.cli.rendering import print_json
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import EXIT_OK

if TYPE_CHECKING:
    from omnium_sandbox import Sandbox
    from omnium_sandbox.data.catalogue import Size


@command(
    "sandbox",
    "serve a sandbox tenant on loopback until interrupted",
    ["omnium-elt sandbox", "omnium-elt sandbox --port 8080 --size medium --seed 7"],
    port(0, "Port to listen on (default: a free one)."),
    *tenant_size("small"),
)
def sandbox_command(size: "Size", seed: int, port: int, as_json: bool, home: Home, verbose: bool) -> int:
    """Serve a sandbox tenant, and print how to reach it."""
    import signal

    from omnium_sandbox import Sandbox

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        sandbox = Sandbox(size=size, seed=seed, port=port)
        sandbox.start()
    except OSError as error:
        raise UsageError(f"port {port}: {error.strerror}", "Choose another --port.") from error
    try:
        _announce(sandbox, as_json=as_json)
        stop.wait()
    finally:
        sandbox.stop()
    return EXIT_OK


def _announce(sandbox: "Sandbox", *, as_json: bool) -> None:
    """Print how to reach the tenant, as JSON or as lines for a shell."""
    if as_json:
        print_json(
            {
                "base_url": sandbox.base_url,
                "client_id": sandbox.client_id,
                "client_secret": sandbox.client_secret,
                "writer_client_id": sandbox.writer_client_id,
                "writer_client_secret": sandbox.writer_client_secret,
            }
        )
        return
    print("# Sandbox tenant; Ctrl-C ends it. In another terminal:")
    print(f"export SOURCES__OMNIUM__BASE_URL={sandbox.base_url}")
    print(f"export SOURCES__OMNIUM__CLIENT_ID={sandbox.client_id}")
    print(f"export SOURCES__OMNIUM__CLIENT_SECRET={sandbox.client_secret}")
    print("export OMNIUM_HOME=omnium-sandbox")  # the demo's home holds the rows of another tenant
    print("omnium-elt run")
    print("# And to write, with an API user of its own:")
    print(f"export SOURCES__OMNIUM__WRITER__CLIENT_ID={sandbox.writer_client_id}")
    print(f"export SOURCES__OMNIUM__WRITER__CLIENT_SECRET={sandbox.writer_client_secret}")
    print("omnium-elt write lead-times")
    sys.stdout.flush()


@command(
    "dashboard",
    "serve the purchaser's pages and the notebooks on loopback (needs the extra notebooks)",
    ["omnium-elt dashboard", "omnium-elt dashboard --port 8000 --home /srv/omnium"],
    port(2718, "Port (default: 2718)."),
)
def dashboard_command(home: Home, port: int, as_json: bool, verbose: bool) -> int:
    """Serve the dashboard, and print its address."""
    from omnium_elt.inspect.dashboard import serve

    def announce(address: str) -> None:
        if as_json:
            print_json({"url": address})
        else:
            print(f"{address}\nCtrl-C ends it.", flush=True)

    serve(home, port, announce)
    return EXIT_OK
