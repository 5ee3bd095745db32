"""dlt sources: `omnium` (the real API) and `sandbox` (a tenant to try it against)."""
