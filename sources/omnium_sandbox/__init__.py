"""A local tenant with the Omnium API: server, data and faults.

    with Sandbox(size="small", seed=1) as sandbox:
        sandbox.base_url, sandbox.client_id, sandbox.client_secret   # address and credentials
        sandbox.tenant.put("orders", {...})                          # change the tenant's rows
        sandbox.requests                                             # the requests that it received
        sandbox.truth                                                # what a reader of the data should find out

It shares no code with omnium_source, so that tests do not miss a mistake about the API that both make.
"""

from omnium_sandbox.behaviour import Behaviour
from omnium_sandbox.faults import Fault, Faults, Mutator
from omnium_sandbox.server import Request, Sandbox
from omnium_sandbox.tenant import Tenant
from omnium_sandbox.truth import Truth

__all__ = ["Behaviour", "Fault", "Faults", "Mutator", "Request", "Sandbox", "Tenant", "Truth"]
