"""What a run does: load, reconcile, transform, publish, export."""
