"""A local tenant that speaks the Omnium API: server, data and faults.

    with Sandbox(size="small", seed=1) as sandbox:
        sandbox.base_url, sandbox.client_id, sandbox.client_secret   # where and as whom to read
        sandbox.tenant.put("orders", {...})                          # change what it holds
        sandbox.requests                                             # what it was asked
        sandbox.truth                                                # what a reader should find out

It shares no code with sources.omnium: a mistake about the API would agree with itself.
"""

from sources.sandbox.faults import Fault, Faults, Mutator
from sources.sandbox.search import Behaviour
from sources.sandbox.server import Request, Sandbox
from sources.sandbox.tenant import Tenant
from sources.sandbox.truth import Truth

__all__ = ["Behaviour", "Fault", "Faults", "Mutator", "Request", "Sandbox", "Tenant", "Truth"]
