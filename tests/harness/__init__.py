"""Networks of namespaces, real processes and captures for the tests and the demo."""
