"""Failures in the contract are told as fully as failures in a test file."""

import pytest

pytest.register_assert_rewrite("tests.backends.contract")
