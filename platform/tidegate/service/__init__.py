"""The use cases, and the ports to the outside world that they need."""
