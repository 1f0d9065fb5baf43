"""How the MLflow UI shows an experiment: its trials, with the scores that are read first.

MLflow 3 opens on a page for language models and on columns without a score, draws charts in the
alphabetical order of their names, and takes no default from an experiment. What it takes is a view
that is stored in a tag of the experiment and named in the address.
"""

import json

SHOWN = ("balanced_accuracy", "f1_macro")
# Charts stand in the order of these prefixes, and no other one sorts before it.
GLANCE = "at_a_glance"
VIEW = "harness"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    VIEW_TAG: json.dumps(
        {
            # A trial that stands below its comparison would be folded away.
            "searchFilter": "tags.trial != ''",
            "orderByKey": f"metrics.`test/{SHOWN[0]}`",
            "orderByAsc": False,
            "selectedColumns": [
                *(f"metrics.`test/{metric}`" for metric in SHOWN),
                *(f"tags.`{tag}`" for tag in ("strategy", "seed")),
            ],
        }
    ),
}


def at_a_glance(metrics: dict[str, float]) -> dict[str, float]:
    """Return the test scores that are read first, under names whose charts come first."""
    return {f"{GLANCE}/{name}": metrics[f"test/{name}"] for name in SHOWN}


def address_of_runs(site: str, experiment_id: str) -> str:
    """Return where the UI shows an experiment's trials in this view."""
    kind = "workflowType=machine_learning"
    return f"{site}/#/experiments/{experiment_id}/runs?{kind}&viewStateShareKey={VIEW}"


def address_of_experiments(site: str) -> str:
    """Return where the UI lists all experiments."""
    return f"{site}/#/experiments?workflowType=machine_learning"
