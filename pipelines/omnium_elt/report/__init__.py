"""What purchasers read: the page exports/report.html, the summary of a run, and the dashboard's charts and lists."""
