from tests.benchmarks.measuring import Outcome
def large_warehouse(scale: float) -> Outcome:
    raise NotImplementedError
