"""Writes src/models/fixtures/graph-nodes.json from a file {model: {"train": names, "eval": names or "same"}} of what
torchvision's get_graph_node_names returned: make-graph-node-fixtures.py NAMES.json

    names = {}
    for name in list_models():
        train, evaluation = get_graph_node_names(get_model(name))
        names[name] = {"train": train, "eval": "same" if evaluation == train else evaluation}

What symbolic tracing adds to compute shapes is left out. For each model and mode: a hash of the names of inputs, modules and
functions in order and of parameters sorted, each followed by a line break. A few lists are kept whole, for people to read.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

SHAPES = {"getattr", "getitem", "size", "floordiv", "eq", "_assert", "dim",
          "_compute_pad_size_3d", "_get_window_and_shift_size"}
# Products of sizes.
PRODUCTS = {"vit": r"^mul$", "mvit": r"\.pool_(k|v|q|skip)\.mul$", "maxvit": r"\.partition_op\.mul$"}
WHOLE = ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "vit_b_32", "convnext_tiny", "swin_v2_t"]


def is_parameter(name):
    *path, last = name.split(".")
    return last.startswith("_".join(path) + "_") if path else last == "class_token"


def select(model, names):
    product = PRODUCTS.get(model.split("_")[0], "^$")
    kept = [n for n in names
            if re.sub(r"_\d+$", "", n.split(".")[-1]) not in SHAPES and not re.search(product, n)]
    return [n for n in kept if not is_parameter(n)] + sorted(n for n in kept if is_parameter(n))


def main():
    recorded = json.loads(Path(sys.argv[1]).read_text())
    hashes, lists = {}, {}
    for model, modes in recorded.items():
        train = select(model, modes["train"])
        evaluation = train if modes["eval"] == "same" else select(model, modes["eval"])
        digest = lambda names: hashlib.sha256("".join(n + "\n" for n in names).encode()).hexdigest()[:16]
        hashes[model] = {"train": digest(train), "eval": digest(evaluation)}
        if model in WHOLE:
            lists[model] = train
    out = Path(__file__).parent.parent / "src/models/fixtures/graph-nodes.json"
    out.write_text(json.dumps({"madeWith": "torchvision 0.14.1, torch 1.13.1", "hashes": hashes, "lists": lists}, indent=1) + "\n")


main()
