"""The start of every child process of ours: import one module of this package, and call its `main`.

    python -I child_main.py MODULE ARGUMENT...

It is a file and not `python -m MODULE`, because a distribution's package has its modules in a private directory, where
`python -I -m` does not look. The copy of the package that is imported is always the one that has this file.
"""

import os
import sys
from importlib import import_module


def main() -> None:
    """Run the module as `python -m` would. Standard modules come first only where the directory is Python's own."""
    directory = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if directory not in sys.path:
        sys.path.insert(0, directory)
    del sys.argv[0]
    import_module(sys.argv[0]).main()


if __name__ == "__main__":
    main()
