"""Write outputs other than images in the engine: tars, OCI archives, build contexts, documents.

They go to files or standard output.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.host import output_file
from docker_slim_plugin.image import context
from docker_slim_plugin.image.archive import write_archive
from docker_slim_plugin.image.context import SCRATCH, ContextBase, check_context, stream_context, write_context
from docker_slim_plugin.image.writer import Draft
from docker_slim_plugin.model.request import DOCUMENT_FORMS, FILE_FORMS

STDOUT = "-"
"""In place of a name: standard output."""


def split_output(output: str) -> tuple[str, str]:
    """Return form and path of an output. The path is empty for images in the engine."""
    form, _, where = output.partition("=")
    return form, where


def has_tar(outputs: Sequence[str]) -> bool:
    return any(split_output(output)[0] == "tar" for output in outputs)


def has_document(outputs: Sequence[str]) -> bool:
    return any(split_output(output)[0] in DOCUMENT_FORMS for output in outputs)


def write_outputs(outputs: Sequence[str], draft: Draft, name: str, flat: Path | None) -> tuple[str, ...]:
    """Write the requested outputs, and return their paths. `flat` is the tar of the whole tree, if requested."""
    layers = [(blob.group, Path(blob.file)) for blob in draft.own_layers]
    config, base = _config_and_base(draft)
    places = []
    for output in outputs:
        form, where = split_output(output)
        if form not in FILE_FORMS:
            continue
        if form == "context" and where != STDOUT:
            write_context(Path(where), layers, config, base)
        else:
            with _open_output(where) as out:
                if form == "context":
                    stream_context(out, layers, config, base)
                elif form in DOCUMENT_FORMS:
                    out.write(draft.documents[form])
                elif form == "oci":
                    write_archive(draft.image.layers, draft.config, name, out)
                else:
                    assert flat is not None
                    with open(flat, "rb") as tar:
                        shutil.copyfileobj(tar, out, 1 << 20)
        places.append(where)
    return tuple(places)


def find_config_losses(outputs: Sequence[str], draft: Draft) -> tuple[str, ...]:
    """Return a sentence for each part of the image that the requested outputs cannot express."""
    wanted = any(split_output(output)[0] == "context" for output in outputs)
    return context.find_config_losses(*_config_and_base(draft)) if wanted else ()


def _config_and_base(draft: Draft) -> tuple[Mapping[str, Any], ContextBase]:
    """Return the configuration of the image, and the base for its Dockerfile."""
    config = json.loads(draft.config)["config"]
    if draft.base_image is None:
        return config, SCRATCH
    image = draft.base_image.image
    # BuildKit treats an id as a name, and looks for it in a registry.
    by_id = image.id.removeprefix("sha256:").startswith(image.reference.removeprefix("sha256:"))
    return config, ContextBase(image.tags[0] if by_id and image.tags else image.reference, image.config)


@contextmanager
def _open_output(where: str) -> Iterator[BinaryIO]:
    """Yield standard output, or a new file that gets its name only when it is complete."""
    try:
        if where == STDOUT:
            sys.stdout.flush()
            with open(os.dup(1), "wb") as out:
                yield out
            return
        with output_file.open_for_writing(where) as out:
            yield out
    except BrokenPipeError as error:
        raise SlimError(
            "cannot write to standard output: the process that reads it has ended", hint="look at its output"
        ) from error
    except OSError as error:
        place = "standard output" if where == STDOUT else where
        text = f"cannot write {place}: {error.strerror or error}"
        raise SlimError(text, hint="name another file, or free some space there") from error


def check_outputs(outputs: Sequence[str]) -> None:
    """Raise SlimError if it is already known that an output cannot be written."""
    places = [split_output(output) for output in outputs]
    if [where for _, where in places].count(STDOUT) > 1:
        raise SlimError("cannot write two outputs to standard output", hint="name a file for one of them")
    for form, where in places:
        if where == STDOUT:
            if os.isatty(1) and form not in DOCUMENT_FORMS:
                hint = f"--output {form}=FILE, or | docker {'build -' if form == 'context' else 'load'}"
                raise SlimError(f"cannot write a {form} to a terminal", hint=hint)
        elif form == "context":
            check_context(Path(where))
        elif form in FILE_FORMS:
            _check_file(where)


def _check_file(where: str) -> None:
    """Raise SlimError if a file exists or cannot be created. A device or a FIFO may exist."""
    try:
        if os.path.isdir(where) or output_file.exists(where):
            raise SlimError(f"cannot write {where}: it exists", hint="remove it, or name another file")
        output_file.check(where)
    except (FileNotFoundError, NotADirectoryError) as error:
        text = f"cannot write {where}: there is no such directory"
        raise SlimError(text, hint="make the directory first") from error
    except OSError as error:
        raise SlimError(f"cannot write {where}: {error.strerror}", hint="name another file") from error
