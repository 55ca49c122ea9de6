from __future__ import annotations

import pytest

from labs.agent.images import ImageNameInvalid, ImageUnknown, own_command, program

TABLE = {"echo": "m:echo", "kube-proxy": "m:proxy"}


@pytest.mark.parametrize(
    "image", ["echo", "echo:1.2", "registry.example:5000/lab/echo:latest", "lab/echo@sha256:0123abc"]
)
def test_the_last_part_of_the_path_names_the_program(image: str) -> None:
    assert program(image, TABLE) == "m:echo"


def test_an_unknown_image_is_answered_with_those_there_are() -> None:
    with pytest.raises(ImageUnknown, match=r'image "nginx:1.27" .* \(echo, kube-proxy\)') as raised:
        program("nginx:1.27", TABLE)
    assert raised.value.reason == "ErrImagePull"
    assert raised.value.cure == "use one of echo, kube-proxy"


@pytest.mark.parametrize("image", ["", "Echo", "echo web", "-echo", "echo:"])
def test_an_impossible_name_has_its_own_reason(image: str) -> None:
    with pytest.raises(ImageNameInvalid, match="invalid reference format") as raised:
        program(image, TABLE)
    assert raised.value.reason == "InvalidImageName"


@pytest.mark.parametrize(
    ("command", "own"),
    [([], False), (["kube-proxy", "--v=2"], True), (["/usr/bin/kube-proxy"], True), (["sh"], False)],
)
def test_a_command_may_name_the_images_own_program(command: list[str], own: bool) -> None:
    assert own_command({"command": command}, "kube-proxy:v1") is own
