"""benchkit: what tests/bench/compare is made of. Measures; decides nothing about the cluster."""
