"""mergekit merges two checkpoints: ``merging_mergekit.py METHOD FOLDER yaml|pytorch``."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from mergekit.scripts import merge_raw_pytorch, run_yaml
from merging_task import run


def asked(method: str, folder: Path, script: str) -> dict:
    """What it is told: models by folder, or by file."""
    end = "" if script == "yaml" else "/model.safetensors"
    given = {"weight": 0.5} if method == "linear" else {"weight": 1.0, "density": 0.2}
    made = {
        "merge_method": method,
        "models": [{"model": f"{folder / n}{end}", "parameters": given} for n in ("one", "two")],
        "dtype": "float32",
    }
    if method == "ties":
        made |= {"base_model": f"{folder / 'base'}{end}", "parameters": {"normalize": True}}
    return made


if __name__ == "__main__":
    method, folder, script = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    out, told = folder / f"mergekit_{script}", folder / f"mergekit_{script}.yaml"
    told.write_text(json.dumps(asked(method, folder, script)))  # JSON is YAML
    shutil.rmtree(out, ignore_errors=True)
    main = run_yaml.main if script == "yaml" else merge_raw_pytorch.main
    options = ["--no-write-model-card", "--no-copy-tokenizer"] if script == "yaml" else []

    def work() -> None:
        """The command line's function, in this process."""
        main([str(told), str(out), "--quiet", *options], standalone_mode=False)

    run(work, out / "model.safetensors", folder / f"{method}.safetensors")
