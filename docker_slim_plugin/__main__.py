"""`docker slim` and `docker-slim`: the plugin handshake, the error boundary and the exit status.

Docker asks every plugin for its metadata whenever it lists them, so that answer comes before anything is imported.
"""

import sys

from docker_slim_plugin import __version__

METADATA = (
    '{"SchemaVersion":"0.1.0","Vendor":"docker-slim-plugin","Version":"%s",'
    '"ShortDescription":"Make slim images by watching what an app really needs"}'
)

GARBAGE = 100_000
"""New objects until garbage is looked for: what lives on, names and entries of an image by the 100,000s, is none."""


def main(argv: list[str] | None = None) -> int:
    """Run one command line (sys.argv's by default) and return the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["docker-cli-plugin-metadata"]:
        return metadata()
    if sys.flags.no_site:  # the installed launcher leaves it out, for the sake of the answer above
        import site  # noqa: PLC0415

        site.main()
    return bounded(arguments)


def metadata() -> int:
    """Answer docker's question; who cannot be answered gets a status."""
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
    """Run the command; what the user can put right becomes two lines on stderr, a bug keeps its traceback."""
    import gc  # noqa: PLC0415
    import os  # noqa: PLC0415

    # To look for garbage among all that is imported is a quarter of the time that it takes.
    gc.set_threshold(GARBAGE)

    from docker_slim_plugin import cancel  # noqa: PLC0415
    from docker_slim_plugin.errors import Interrupted, SlimError  # noqa: PLC0415
    from docker_slim_plugin.host import standard_streams  # noqa: PLC0415

    out, err = standard_streams.guard_standard_streams()
    try:
        cancel.install()
        if address := os.environ.pop(cancel.SOCKET, ""):
            cancel.listen(address)
        from docker_slim_plugin.cli.app import run  # noqa: PLC0415

        status = run(arguments)
        # Here, where a pipe that nobody reads any more, and a full disk, can still be answered for.
        sys.stdout.flush()
    except (SlimError, Interrupted) as error:
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
