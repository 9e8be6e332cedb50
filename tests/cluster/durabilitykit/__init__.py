"""What tests/cluster/durability is made of: the words of the servers and of the record, and one file of tests per situation."""
