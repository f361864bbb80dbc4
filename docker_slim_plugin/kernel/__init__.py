"""Linux interfaces that Python lacks: typed system calls, and data from /proc. The only exception is OSError."""
