"""The Docker stack, as far as it goes without an engine."""

import pytest

from deploy.containers import ContainersFailed, ContainerStack


def test_an_engine_that_is_not_where_it_is_looked_for_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`docker` may know another place than `DOCKER_HOST`, as where it is Podman."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(ContainersFailed, match=r"Docker does not start the services .*--stack native"):
        ContainerStack().__enter__()
