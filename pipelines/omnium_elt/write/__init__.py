"""Writing to the tenant, when asked, and only then.

    journal      what was sent: noted before each request and after it
    suppliers    lead times and margins of suppliers
    orders       purchase orders of the proposal
    changes      show, apply, undo: what both have in common

Nothing is sent without `--apply`. Every change is sent once; whether one took place whose answer was lost is found out
by reading, never by sending it again.
"""
