"""The patch heads F: embeddings, places, and what a state dict says of them."""

import torch

from cut.networks.patch_heads import PatchHeads, channels_of, sample_places, unit_length


def test_embeddings_are_unit_vectors_of_every_layer() -> None:
    heads = PatchHeads([3, 8], dim=16)
    samples = [torch.randn(2, 5, 3), torch.randn(2, 7, 8)]
    for sample, out in zip(samples, heads(samples), strict=True):
        assert out.shape == (*sample.shape[:2], 16)
        torch.testing.assert_close(out.norm(dim=-1), torch.ones(sample.shape[:2]))


def test_heads_take_samples_of_lower_precision() -> None:
    assert PatchHeads([3]).embed(0, torch.randn(1, 2, 3).bfloat16()).dtype == torch.float32


def test_a_zero_vector_stays_finite() -> None:
    x = torch.zeros(1, 4, requires_grad=True)
    out = unit_length(x)
    assert torch.equal(out, torch.zeros(1, 4))
    out.sum().backward()
    assert x.grad.isfinite().all()


def test_the_published_offset_of_the_norm() -> None:
    x = torch.tensor([[3e-7, 4e-7]], dtype=torch.float64)
    torch.testing.assert_close(unit_length(x), x / 6e-7)


def test_places_are_row_major() -> None:
    features = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    taken = sample_places(features, torch.tensor([0, 7, 19]))
    assert taken.shape == (2, 3, 3)
    for k, (row, column) in enumerate([(0, 0), (1, 2), (3, 4)]):
        assert torch.equal(taken[:, k], features[:, :, row, column])


def test_channels_are_read_off_the_weights() -> None:
    channels = [3, 8, 16, 16, 16, 1, 2, 3, 4, 5, 6]  # eleven: mlp_10 comes after mlp_9
    assert channels_of(PatchHeads(channels, 4).state_dict()) == channels


def test_published_names() -> None:
    shapes = {k: tuple(v.shape) for k, v in PatchHeads([3]).state_dict().items()}
    assert shapes == {
        "mlp_0.0.weight": (256, 3),
        "mlp_0.0.bias": (256,),
        "mlp_0.2.weight": (256, 256),
        "mlp_0.2.bias": (256,),
    }
