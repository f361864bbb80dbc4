"""`docker slim` and `docker-slim`: the plugin handshake, the error boundary and the exit status.

Docker asks for the metadata of every plugin whenever it lists plugins. The answer is given before anything is imported.
"""

import sys

from docker_slim_plugin import __version__

METADATA = (
    '{"SchemaVersion":"0.1.0","Vendor":"docker-slim-plugin","Version":"%s",'
    '"ShortDescription":"Make slim images by watching what an app really needs"}'
)

GARBAGE = 100_000
"""Allocations between two garbage collections. The 100,000s of entries of an image live until the end."""


def main(argv: list[str] | None = None) -> int:
    """Run one command line (sys.argv's by default) and return the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["docker-cli-plugin-metadata"]:
        return metadata()
    if sys.flags.no_site:  # the installed launcher starts Python with -S, for a fast answer to docker
        import site  # noqa: PLC0415

        site.main()
    return bounded(arguments)


def metadata() -> int:
    """Print the metadata; return 1 when standard output is closed or full."""
    try:
        if sys.stdout is None:
            return 1
        sys.stdout.write(METADATA % __version__ + "\n")
        sys.stdout.flush()
    except OSError:
        from docker_slim_plugin.host import standard_streams  # noqa: PLC0415

        standard_streams.discard_output(sys.stdout)
        return 1
    return 0


def bounded(arguments: list[str]) -> int:
    """Run the command and return its exit status. SlimError becomes a message and a hint on standard error."""
    import gc  # noqa: PLC0415
    import os  # noqa: PLC0415

    # Garbage collection takes a quarter of the time of all imports.
    gc.set_threshold(GARBAGE)

    from docker_slim_plugin import cancel  # noqa: PLC0415
    from docker_slim_plugin.errors import Interrupted, SlimError  # noqa: PLC0415
    from docker_slim_plugin.host import standard_streams  # noqa: PLC0415

    out, err = standard_streams.guard_standard_streams()
    try:
        handler = cancel.install()
        if address := os.environ.pop(cancel.SOCKET, ""):
            cancel.listen(address)
        from docker_slim_plugin.cli.app import run  # noqa: PLC0415

        status = run(arguments)
        if status and handler.request:
            raise handler.request
        # A closed pipe or a full disk is noticed here, where it can still be reported.
        sys.stdout.flush()
    except (SlimError, Interrupted) as caught:
        error = handler.request or caught
        from docker_slim_plugin.cli.text import printable  # noqa: PLC0415

        lines = map(printable, str(error).split("\n"))
        sys.stderr.write("docker slim: " + "\n".join(lines) + "\n")
        if error.hint:
            sys.stderr.write(f"  try: {printable(error.hint)}\n")
        status = error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        standard_streams.discard_output(sys.stdout)
        return 1
    return standard_streams.finish(status, out, err)


if __name__ == "__main__":
    sys.exit(main())
