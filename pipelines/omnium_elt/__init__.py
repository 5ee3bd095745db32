"""The program `omnium-elt`, callable from Python just as well.

cli         the command line, a module a command
steps       what a run does: load, reconcile, transform, publish; export; where else the data go
warehouse   the working database and other destinations
decide      what the purchaser decided; desk: his pages; write: what goes back to Omnium
report      what people read; inspect: check, status, demo, dashboard
infra       what all of them need: settings, home, lock, log, history, errors
"""
