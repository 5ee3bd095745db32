"""Filled orders into DuckDB, against dlt's own rest_api source: with its defaults, and with Parquet."""

from tests.benchmarks.measuring import Cost, Outcome, folder, omnium_elt, script, serving

ORDERS = 10_000
PAGE = 100


def against_defaults(scale: float) -> Outcome:
    """rest_api with its default file format."""
    return _against("", 20, scale)


def against_parquet(scale: float) -> Outcome:
    """rest_api with Parquet files."""
    return _against("parquet", 6, scale)


def _against(file_format: str, goal: float, scale: float) -> Outcome:
    orders = int(ORDERS * scale)
    with serving(size="empty", orders=orders, filled=True) as server, folder() as here:
        ours = omnium_elt(server, here / "home", "load", "--resources", "orders")
        peer = script(server, "peer_rest_api", str(here), str(-(-orders // PAGE)), file_format)
    ratio = peer.seconds / ours.seconds
    return Outcome(
        f"{orders:,} filled orders against rest_api{' with Parquet' if file_format else ''}",
        f"at least {goal:g} times faster",
        f"{ratio:.1f} times faster ({_cpu(peer, ours):.1f} by CPU time)",
        ratio >= goal,
        (f"rest_api   {peer}", f"omnium-elt {ours}"),
    )


def _cpu(peer: Cost, ours: Cost) -> float:
    return peer.cpu / ours.cpu
