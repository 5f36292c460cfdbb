"""What people read of a night: curves, scorecard, page."""
