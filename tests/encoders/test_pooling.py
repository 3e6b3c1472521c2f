from __future__ import annotations

import pytest
import torch

from medclip.core.errors import ConfigError
from medclip.encoders.pooling import AttentionPool, LogSumExpPool, build_pool
from medclip.encoders.positions import rotate


def by_hand(pool: AttentionPool, tokens: torch.Tensor) -> torch.Tensor:
    """Attention of one recording head by head, without any of torch's attention functions."""
    assert pool.table is not None
    assert pool.mean_position is not None
    question = tokens.mean(0) + pool.mean_position.table[0]
    seen = torch.cat([question[None], tokens + pool.table(len(tokens))])
    query, keys, values = pool.query(question), pool.key(seen), pool.value(seen)
    width = len(query) // pool.n_heads
    answers = []
    for head in range(pool.n_heads):
        part = slice(head * width, (head + 1) * width)
        weights = (keys[:, part] @ query[part] / width**0.5).softmax(0)
        answers.append(weights @ values[:, part])
    return pool.output(torch.cat(answers))


@pytest.mark.parametrize("n_tokens", [10, 4, 31])
def test_interpolated_positions_at_any_length(n_tokens: int) -> None:
    pool = AttentionPool(16, n_heads=2, n_positions=10)
    tokens = torch.randn(3, n_tokens, 16)
    expected = torch.stack([by_hand(pool, row) for row in tokens])
    torch.testing.assert_close(pool(tokens), expected, rtol=1e-5, atol=1e-6)


def test_masked_tokens_are_not_seen() -> None:
    for positions in ("relative", "none"):
        pool = AttentionPool(16, n_heads=2, positions=positions)
        tokens = torch.randn(2, 9, 16)
        mask = torch.ones(2, 9, dtype=torch.bool)
        mask[0, 5:] = False
        changed = tokens.clone()
        changed[0, 5:] = 1e3
        torch.testing.assert_close(pool(tokens, mask), pool(changed, mask))
        assert not torch.allclose(pool(tokens)[0], pool(changed)[0])


def test_relative_positions_see_order_and_take_any_length() -> None:
    pool = AttentionPool(16, n_heads=2, positions="relative")
    tokens = torch.randn(1, 12, 16)
    assert not torch.allclose(pool(tokens), pool(tokens.flip(1)), atol=1e-4)
    assert pool(torch.randn(1, 40, 16)).shape == (1, 16)


def test_products_of_rotated_vectors_depend_on_distance_alone() -> None:
    query, key = torch.randn(1, 8), torch.randn(1, 8)
    at = [rotate(query, torch.tensor([p])) @ rotate(key, torch.tensor([p + 3])).T for p in (0.0, 5.0, 40.0)]
    torch.testing.assert_close(at[0], at[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(at[0], at[2], rtol=1e-4, atol=1e-5)


def test_mean_and_maximum_of_real_tokens() -> None:
    pool = build_pool("mean_max", 4, n_heads=1, positions="none", n_positions=1)
    tokens = torch.randn(1, 6, 4)
    mask = torch.tensor([[True, True, True, False, False, False]])
    seen = tokens[:, :3]
    torch.testing.assert_close(pool(tokens, mask), pool.mix(torch.cat([seen.mean(1), seen.amax(1)], -1)))


def test_bad_settings_are_one_line() -> None:
    with pytest.raises(ConfigError, match="received max; allowed: attention, log_sum_exp, mean, mean_max"):
        build_pool("max", 8, n_heads=1, positions="none", n_positions=1)
    with pytest.raises(ConfigError, match="heads of even width"):
        AttentionPool(12, n_heads=4)


def at_sharpness(sharpness: float) -> LogSumExpPool:
    return LogSumExpPool(8, sharpness=sharpness)


def test_log_sum_exp_lies_between_average_and_maximum() -> None:
    tokens = torch.randn(3, 12, 8, dtype=torch.float64)
    torch.testing.assert_close(at_sharpness(1e-6).double()(tokens), tokens.mean(dim=1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(at_sharpness(1e6).double()(tokens), tokens.amax(dim=1), rtol=1e-4, atol=1e-4)
    between = at_sharpness(3.0).double()(tokens)
    by_definition = (3.0 * tokens).exp().mean(dim=1).log() / 3.0
    torch.testing.assert_close(between, by_definition)
    assert (between > tokens.mean(dim=1)).all()
    assert (between < tokens.amax(dim=1)).all()


def test_log_sum_exp_sees_no_padding_and_no_number_of_equal_places() -> None:
    pool = at_sharpness(3.0)
    tokens = torch.randn(2, 9, 8)
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[0, 5:] = False
    tokens[0, 5:] = 1e3
    torch.testing.assert_close(pool(tokens, mask)[:1], pool(tokens[:1, :5]))
    torch.testing.assert_close(pool(tokens, mask)[1:], pool(tokens[1:]))
    torch.testing.assert_close(pool(tokens.repeat(1, 3, 1)), pool(tokens))


def test_log_sum_exp_learns_how_sharp_it_is() -> None:
    pool = build_pool("log_sum_exp", 8, n_heads=1, positions="none", n_positions=1)
    pool(torch.randn(2, 9, 8)).sum().backward()
    gradients = [parameter.grad for parameter in pool.parameters()]
    assert len(gradients) == 1
    assert gradients[0] is not None
    assert (gradients[0] > 0).all()  # sharper is nearer to the maximum
