"""Freezes what PyTorch's CPU generator draws: src/core/fixtures/generator.json.

    python3 packages/torch/scripts/make-generator-fixture.py

The numbers have been the same in every PyTorch since 1.0; made with 1.13.1.
"""

import hashlib
import json
from pathlib import Path

import torch

# Seed, position and words of the Mersenne twister. Behind them lies the other half of the last normal pair, whose last bit
# may differ from one build to another.
TWISTER_BYTES = 8 + 4 + 4 + 8 + 624 * 8


def draw(seed):
    torch.manual_seed(seed)
    result = {"initialSeed": str(torch.initial_seed())}
    result["rand"] = torch.rand(5).tolist()
    result["randDouble"] = torch.rand(3, dtype=torch.float64).tolist()
    # Up to 15 elements are drawn one by one, more of them in blocks.
    result["randnFew"] = torch.randn(3).tolist()
    result["randnMany"] = torch.randn(20).tolist()
    result["randint"] = torch.randint(-5, 1000, (6,)).tolist()
    result["randperm"] = torch.randperm(10).tolist()
    result["uniform_"] = torch.empty(4).uniform_(-1, 3).tolist()
    result["normal_"] = torch.empty(4).normal_(2, 0.5).tolist()
    result["bernoulli"] = torch.bernoulli(torch.full((8,), 0.3)).tolist()
    result["multinomial"] = torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 6, True).tolist()
    result["exponential_"] = torch.empty(3).exponential_(0.5).tolist()
    result["dropout"] = torch.nn.functional.dropout(torch.ones(8), 0.5).tolist()
    result["stateSha256"] = hashlib.sha256(torch.get_rng_state().numpy().tobytes()[:TWISTER_BYTES]).hexdigest()
    return result


def own_generator():
    generator = torch.Generator().manual_seed(42)
    return {
        "rand": torch.rand(3, generator=generator).tolist(),
        "randint": torch.randint(100, (3,), generator=generator).tolist(),
        "randperm": torch.randperm(5, generator=generator).tolist(),
        "normal_": torch.empty(3).normal_(generator=generator).tolist(),
    }


seeds = ["0", "1", "1234567890123", "-1", str(2**63)]
fixture = {
    "madeWith": torch.__version__,
    "seeds": {seed: draw(int(seed) if int(seed) < 2**63 else int(seed)) for seed in seeds},
    "own": own_generator(),
}
path = Path(__file__).parent.parent / "src" / "core" / "fixtures" / "generator.json"
path.parent.mkdir(exist_ok=True)
path.write_text(json.dumps(fixture, indent=1) + "\n")
print(f"wrote {path}")
