"""A local tenant that speaks the Omnium API: server, data and faults.

    with Sandbox(size="small", seed=1) as sandbox:
        sandbox.base_url, sandbox.client_id, sandbox.client_secret   # where and as whom to read
        sandbox.tenant.put("orders", {...})                          # change what it holds
        sandbox.requests                                             # what it was asked
        sandbox.truth                                                # what a reader should find out

It shares no code with omnium_source: a mistake about the API would agree with itself.
"""

from omnium_sandbox.behaviour import Behaviour
from omnium_sandbox.faults import Fault, Faults, Mutator
from omnium_sandbox.server import Request, Sandbox
from omnium_sandbox.tenant import Tenant
from omnium_sandbox.truth import Truth

__all__ = ["Behaviour", "Fault", "Faults", "Mutator", "Request", "Sandbox", "Tenant", "Truth"]
