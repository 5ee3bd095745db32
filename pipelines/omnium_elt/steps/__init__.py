"""The steps of a run (load, reconcile, lake, transform, publish), and the commands backfill and export."""
