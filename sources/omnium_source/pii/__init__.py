"""What becomes of personal data."""
