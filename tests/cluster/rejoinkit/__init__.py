"""What tests/cluster/rejoin is made of."""
