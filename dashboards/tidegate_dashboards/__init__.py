"""Dashboards for analysts: they speak HTTP with the service and know nothing else of it."""
