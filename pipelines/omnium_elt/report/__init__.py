"""What a run tells: its report as data and as a page."""
