"""``python -m node_poc``."""

import sys

from node_poc.cli import main

sys.exit(main())
