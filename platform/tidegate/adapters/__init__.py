"""The outside world behind the service's ports: DuckDB, git, SQL, the clock."""
