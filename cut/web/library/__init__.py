"""What stands behind the page Library: what a card tells, and what takes its time."""
