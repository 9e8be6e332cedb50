"""What people put around a cluster, a module each. Each test finds a settled cluster and leaves one."""
