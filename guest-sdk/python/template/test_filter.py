"""Tests that need neither Wasm nor the agent: `python3 test_filter.py`."""

import sys

sys.path.insert(0, "kit")

import unittest

import filter
import logsieve


class Tests(unittest.TestCase):
    def test_passwords_are_masked(self):
        self.assertEqual(logsieve.run(filter, [b"password=secret ok", b"GET /healthz"]), [b"password=*** ok"])

    def test_a_misspelt_setting_is_refused(self):
        with self.assertRaises(logsieve.Unjudged):
            logsieve.run(filter, [], {"dorp": []})


if __name__ == "__main__":
    unittest.main()
