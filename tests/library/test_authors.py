"""The authors' models by name, out of an archive on a server of our own."""

import errno
import io
import math
import tarfile
from pathlib import Path

import pytest
import torch

from cut.checkpoints import find
from cut.cli import main
from cut.errors import CutError
from cut.library.authors import archive_path, authors_models, download
from cut.networks.patch_heads import PatchHeads
from cut.networks.resnet import ResnetGenerator
from tests.library.faulty_server import FaultyServer

NAME = "horse2zebra_cut_pretrained"


def packed(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def published() -> bytes:
    """An archive as the authors', of tiny networks."""
    generator = ResnetGenerator(4, 6)
    heads = PatchHeads([grid.channels for grid in generator.grids((0, 4, 8, 12, 16))])
    G, F = packed(generator.state_dict()), packed(heads.state_dict())
    files = {
        f"./checkpoints/{name}/latest_net_{part}.pth": content
        for name in (NAME, "cat2dog_fastcut_pretrained")
        for part, content in (("G", G), ("F", F))
    }
    return archive(files)


def test_the_six_names() -> None:
    assert sorted(authors_models()) == [
        f"{data}_{method}_pretrained"
        for data in ("cat2dog", "cityscapes", "horse2zebra")
        for method in ("cut", "fastcut")
    ]
    assert all(model.terms for model in authors_models().values())


def test_a_download_is_a_model_of_the_library(server: FaultyServer, published: bytes) -> None:
    server.content = published
    done = download(NAME, url=server.url)
    model = find(NAME)
    assert model.folder == done.imported.checkpoint.folder
    assert model.config["method"] == "cut"
    assert model.terms == "ImageNet subset: non-commercial research"
    assert model.config["generator"]["ngf"] == 4
    assert model.has_patch_heads
    assert f"{len(published):,} bytes, 4 entries" in done.verified[0]
    assert "no checksum" in done.verified[-1]
    # The second of the same archive needs no network.
    download("cat2dog_fastcut_pretrained", url=server.url)
    assert len(server.asked) == 1
    assert find("cat2dog_fastcut_pretrained").config["method"] == "fastcut"


def refused(name: str, url: str) -> str:
    with pytest.raises(CutError) as caught:
        download(name, url=url)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_that_are_not_there(server: FaultyServer, published: bytes, home: Path) -> None:
    assert "there are horse2zebra_cut_pretrained, " in refused("horse2zebra", server.url)
    assert server.asked == []
    server.content = published
    line = refused("cityscapes_cut_pretrained", server.url)
    assert "holds no cityscapes_cut_pretrained/latest_net_G.pth" in line
    assert not archive_path(server.url).exists()
    assert not list((home / "checkpoints").glob("*"))


def test_a_name_that_is_taken_asks_nobody(server: FaultyServer, home: Path) -> None:
    (home / "checkpoints" / NAME).mkdir(parents=True)
    assert "there is a checkpoint" in refused(NAME, server.url)
    assert server.asked == []


@pytest.mark.parametrize("keep", [0, 100, 5000, -10_240, -1])
def test_a_truncated_archive(server: FaultyServer, published: bytes, keep: int) -> None:
    """Cut between two entries, too, where tarfile itself would miss nothing."""
    size = len(published)
    server.content = published[: keep if keep >= 0 else size + keep]
    if keep == -1:
        with tarfile.open(fileobj=io.BytesIO(published)) as tar:
            server.content = published[: tar.getmembers()[-1].offset]
    assert "is damaged or no tar, and was deleted" in refused(NAME, server.url)
    server.content = published
    download(NAME, url=server.url)


def test_a_full_disk_keeps_the_archive(
    server: FaultyServer, published: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.content = published

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cut.library.authors.shutil.copyfileobj", full)
        assert "No space left on device; the archive stays" in refused(NAME, server.url)
    assert archive_path(server.url).read_bytes() == published
    server.content = b""
    download(NAME, url=server.url)


def test_weights_that_are_none(server: FaultyServer) -> None:
    path = f"{NAME}/latest_net_G.pth"
    server.content = archive({path: packed({"fc.weight": torch.zeros(2, 2)})})
    assert "is not a CUT generator" in refused(NAME, server.url)
    server.content, server.tag = archive({path: packed(Path.touch)}), '"code"'
    assert "is refused: it is damaged, or holds code" in refused(NAME, server.url)
    server.content, server.tag = archive({path: packed(made(math.nan))}), '"nan"'
    assert "infinite or not numbers: copy it again (in pretrained_models-" in refused(
        NAME, server.url
    )
    server.content, server.tag = archive({path: packed(made(0.5))}), '"numbers"'
    download(NAME, url=server.url)


def made(value: float) -> dict[str, torch.Tensor]:
    return {k: torch.full_like(v, value) for k, v in ResnetGenerator(4, 2).state_dict().items()}


@pytest.mark.parametrize("path", [f"../{NAME}/latest_net_G.pth", f"/{NAME}/latest_net_G.pth"])
def test_an_archive_that_climbs_out(server: FaultyServer, path: str) -> None:
    server.content = archive({path: packed(made(0.5))})
    assert f"has a path out of it ({path}), and was deleted" in refused(NAME, server.url)
    assert not archive_path(server.url).exists()


def test_the_command(
    server: FaultyServer,
    published: bytes,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.content = published
    assert main(["checkpoints", "download"]) == 0
    assert "cityscapes_fastcut_pretrained" in capsys.readouterr().out
    assert main(["checkpoints", "download", NAME, "--url", server.url]) == 0
    out = capsys.readouterr().out
    assert "the archive is whole" in out
    assert f"{NAME}: generator, patch_heads in " in out
    with FaultyServer() as gone:
        pass
    monkeypatch.setenv("CUT_MODELS_URL", gone.url)
    monkeypatch.setattr("cut.library.authors.fetch", quick_fetch)
    assert main(["checkpoints", "download", "cat2dog_cut_pretrained"]) == 2
    err = capsys.readouterr().err
    assert "no connection (no network here, or the server is gone)" in err
    assert err.strip().count("\n") == 0


def quick_fetch(url: str, target: Path, progress: object) -> None:
    from cut.library import transfer

    transfer.fetch(url, target, lambda *_: None, pause=0.0)
