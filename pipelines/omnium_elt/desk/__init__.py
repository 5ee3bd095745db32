"""The purchaser's pages of the dashboard: from today's figures to a supplier, an order, an article, a written order."""
