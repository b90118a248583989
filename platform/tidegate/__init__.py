"""Tidegate: release new versions of AI agents safely, with git as the record of every decision."""
