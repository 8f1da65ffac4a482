"""A unittest test that fails because of what the product's log says."""

import os
import unittest
from datetime import datetime
from pathlib import Path


class ShopTest(unittest.TestCase):
    def test_an_order_is_accepted(self):
        with Path(os.environ["SHOP_LOG"]).open("a") as log:
            log.write(f"{datetime.now().isoformat()} ERROR storage: database is locked\n")
        self.assertEqual(500, 201)
