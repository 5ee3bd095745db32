"""The program `omnium-elt`, which can also be called from Python.

cli         the command line, one module per command
steps       load, reconcile, transform, publish, backfill, export; the lake, Delta tables and buckets
warehouse   the working database and other destinations
decide      the purchaser's decisions; desk: the pages in the browser; write: changes sent to Omnium
report      the HTML report; inspect: check, status, demo, dashboard
infra       shared by all: settings, home, lock, log, history, errors
"""
