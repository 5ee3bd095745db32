"""What only looks: check, status, dashboard, demo."""
