"""What Dagster runs: assets, checks, schedules and the resource they share."""
