"""Tests of cut.web with running servers; fixtures in conftest.py."""
