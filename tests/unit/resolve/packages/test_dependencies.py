"""Names of requirements, and the packages that they mean."""

from __future__ import annotations

from docker_slim_plugin.resolve.packages.dependencies import MAX_PROVIDERS, DeclaredDependencies, find_closure


def test_names_files_and_alternatives() -> None:
    declared = DeclaredDependencies()
    declared.add("a:amd64", ["a", "virtual"], ["b", "virtual", "/bin/x", "/bin/gone", "gone", "b"])
    declared.add("b", ["b"], ["a"])
    declared.add("c", ["c", "virtual"], [])
    found = declared.resolve(lambda path: ["c"] if path == "/bin/x" else [])
    assert found == {"a:amd64": ("b", "a:amd64", "c"), "b": ("a:amd64",), "c": ()}
    assert declared.resolve()["a:amd64"] == ("b", "a:amd64", "c")


def test_one_name_has_a_bounded_number_of_providers() -> None:
    declared = DeclaredDependencies()
    for number in range(1000):
        declared.add(f"p{number}", ["x"], ["x"])
    assert {len(keys) for keys in declared.resolve().values()} == {MAX_PROVIDERS}


def test_closure() -> None:
    depends = {"a": ("b", "c"), "b": ("a",), "c": ("d",)}
    assert find_closure(["a"], depends) == {"a", "b", "c", "d"}
    assert find_closure(["a", "e"], depends, lambda key: key != "c") == {"a", "b", "e"}
    assert find_closure([], depends) == set()
