"""Run ``python -m supply``."""

import sys

from supply.cli import main

sys.exit(main())
