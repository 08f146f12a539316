"""Entry point of ``python3 -m devserver``."""

import sys

from devserver.cli import main

if __name__ == "__main__":
    sys.exit(main())
