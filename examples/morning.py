"""Sends what a run found to purchasers: by mail, to a Teams or Slack webhook, or to the terminal.

    omnium-elt run --json | python examples/morning.py --smtp mail.example.com:587 --to anna@example.com
    omnium-elt run --json | MORNING_WEBHOOK=https://hooks.slack.com/services/… python examples/morning.py

Needs only Python. MORNING_SMTP_USER and MORNING_SMTP_PASSWORD log in (with STARTTLS); MORNING_WEBHOOK is the address of
a Slack webhook, or of a Teams workflow "Post to a channel when a webhook request is received". Exit status: 0 sent, 1
not sent, or the run itself failed (the message then says so).
"""

import argparse
import json
import os
import smtplib
import ssl
import sys
import urllib.request
from email.message import EmailMessage
from typing import Any

PATIENCE = 30
"""Seconds to wait for a server."""


def purchasing(report: dict[str, Any]) -> dict[str, Any]:
    """What is to be ordered, from the report of a run; empty if nothing was published."""
    steps = [step for step in report.get("steps", ()) if step.get("name") == "publish"]
    return (steps[-1].get("details", {}).get("purchasing") if steps else None) or {}


def subject(report: dict[str, Any]) -> str:
    """One line: how the run went, and what is to be ordered."""
    found = purchasing(report)
    if report.get("status") not in ("ok", "unchanged", "incomplete") or not found:
        return f"Purchasing: the run {report.get('status', 'failed')}"
    values = ", ".join(f"{one['value']:,.0f} {one['currency'] or ''}".rstrip() for one in found["to_order"])
    return (
        f"Purchasing {found['as_of']}: {values or 'nothing'} to order, {found['urgency']['out']} out of stock"
    )


def text(report: dict[str, Any]) -> str:
    """The text of the message."""
    lines = []
    if report.get("error"):
        lines += [f"The run {report.get('status')}: {report['error']}", ""]
    unread = [one["name"] for one in report.get("resources", ()) if one.get("error")]
    if unread:
        lines += [f"Could not be read: {', '.join(unread)}.", ""]
    found = purchasing(report)
    if not found:
        return "\n".join([*lines, "No proposal was published."])
    for one in found["to_order"]:
        lines.append(
            f"To order: {one['lines']:,} lines, {one['value']:,.2f} {one['currency'] or ''}".rstrip()
            + f" ({one['money_at_risk']:,.2f} at risk)."
        )
    urgency = found["urgency"]
    lines += [
        f"Out of stock: {urgency['out']:,}. Run out even if ordered today: {urgency['runs_out']:,}. "
        f"Order now: {urgency['order_now']:,}.",
        f"Open lines overdue: {found['overdue']:,}. Suppliers with a wrong lead time: {found['wrong_lead_times']:,}. "
        f"Overstock: {found['overstock']:,}. Transfers: {found['transfers']:,}.",
    ]
    if found["most_urgent"]:
        lines += ["", "Most urgent:"]
    lines += [
        f"- {one['article']} ({one['sku']}) from {one['supplier']} to {one['warehouse']}: {one['quantity']:,g} for "
        f"{one['value']:,.2f} {one['currency'] or ''}".rstrip()
        for one in found["most_urgent"]
    ]
    return "\n".join(lines)


def send_mail(report: dict[str, Any], server: str, sender: str, receivers: list[str]) -> None:
    """Send the message by SMTP, encrypted if the server offers STARTTLS; without it no password is sent."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject(report), sender, ", ".join(receivers)
    message.set_content(text(report))
    host, _, port = server.partition(":")
    user, password = os.environ.get("MORNING_SMTP_USER"), os.environ.get("MORNING_SMTP_PASSWORD")
    with smtplib.SMTP(host, int(port or 25), timeout=PATIENCE) as connection:
        connection.ehlo()
        if connection.has_extn("starttls"):
            connection.starttls(context=ssl.create_default_context())
        elif user:
            raise smtplib.SMTPException("the server does not encrypt: the password is not sent")
        if user and password:
            connection.login(user, password)
        connection.send_message(message)


def send_webhook(report: dict[str, Any], address: str) -> None:
    """Post the message to a webhook of Slack or Teams."""
    said = f"{subject(report)}\n\n{text(report)}"
    if "slack.com" in address or os.environ.get("MORNING_WEBHOOK_KIND") == "slack":
        # Escape Slack's markup, so that a tenant's text becomes no link and mentions nobody.
        content: dict[str, Any] = {
            "text": said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            "mrkdwn": False,
        }
    else:
        block = {"type": "TextBlock", "text": said, "wrap": True}
        card = {"type": "AdaptiveCard", "version": "1.4", "body": [block]}
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        content = {"type": "message", "attachments": [attachment]}
    request = urllib.request.Request(
        address, json.dumps(content).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=PATIENCE):
        pass


def main() -> int:
    """Read the report from standard input and send it."""
    parser = argparse.ArgumentParser(description="Send what `omnium-elt run --json` found.")
    parser.add_argument("--smtp", metavar="HOST:PORT")
    parser.add_argument("--from", dest="sender")
    parser.add_argument("--to", action="append", default=[])
    options = parser.parse_args()
    report = json.load(sys.stdin)
    webhook = os.environ.get("MORNING_WEBHOOK")
    try:
        if options.smtp:
            send_mail(report, options.smtp, options.sender or "omnium-elt@localhost", options.to)
        if webhook:
            send_webhook(report, webhook)
    except (OSError, smtplib.SMTPException) as error:
        print(f"not sent: {type(error).__name__}: {error}", file=sys.stderr)  # without the webhook's address
        return 1
    if not options.smtp and not webhook:
        print(f"{subject(report)}\n\n{text(report)}")
    return 0 if report.get("status") in ("ok", "unchanged", "incomplete") else 1


if __name__ == "__main__":
    sys.exit(main())
