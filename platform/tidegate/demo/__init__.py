"""The demo: a real release in miniature, with real processes, real HTTP and real git."""
