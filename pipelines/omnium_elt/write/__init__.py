"""Writing to the tenant, only if a person asks for it.

    step         what `omnium-elt write` and the dashboard perform
    changes      show, apply, find out: what suppliers and orders have in common
    suppliers    lead times and margins of suppliers
    orders       purchase orders of the proposal
    journal      what was sent: a line before each request and one after it
    exact        JSON objects in which all fields but a few stay byte for byte as they were

Nothing is sent without `--apply`, or the button for it in the dashboard. A change whose answer was lost is not sent
again: reading the tenant shows what became of it.
"""
