"""``python -m node_poc``."""

import sys

# The pods of the self-test begin with their attempts at once: without the imports of the node.
if sys.argv[1:2] == ["test-walls"]:
    from node_poc.tester.program import main as test_walls

    sys.exit(test_walls(sys.argv[2:]))

from node_poc.cli import main

sys.exit(main())
