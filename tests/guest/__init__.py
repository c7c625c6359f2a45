"""A virtual machine for tests that need what the machine at hand has not: other hardware, another kernel."""
