"""The harness itself: it accepts what works, and refuses what does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cases.harness import Case, Recipe, Subject, built, docker, hold, kept

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/harness"
DOCKERFILE = """
FROM debian:bookworm
RUN echo first >/srv/first && echo second >/srv/second
CMD ["cat","/srv/first"]
"""


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with built(Recipe(name=IMAGE, dockerfile=DOCKERFILE)) as name:
        yield name


def test_a_case_that_works(image: str) -> None:
    def check(subject: Subject) -> None:
        assert (subject.status, subject.output) == (0, "first\n")

    report = hold(Case(image=image, check=check, batch=True))
    assert "/srv/first" in kept(report)
    assert "/srv/second" not in kept(report)
    assert "harness" not in docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{IMAGE}:*-slim*")


def test_a_case_that_needs_more_than_it_showed(image: str) -> None:
    def check(subject: Subject) -> None:
        docker("run", "--rm", "--entrypoint=cat", subject.image, "/srv/second")

    with pytest.raises(AssertionError, match="/srv/second"):
        hold(Case(image=image, check=check, batch=True))
