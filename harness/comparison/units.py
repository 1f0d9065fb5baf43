"""What a metric is called, and its unit: shares in percent, their differences in points."""

from harness.scoring.metrics import kind

SHARES = {
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "g_mean",
    "roc_auc",
    "average_precision",
    "precision_at_recall",
    "ece",
}

LABELS = {
    "f1_macro": "macro F1",
    "f1_weighted": "weighted F1",
    "g_mean": "G-mean",
    "mcc": "Matthews correlation",
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
    "ece": "expected calibration error",
}


WITH_NUMBER = {
    "precision_at_recall": "precision at a recall of {}",
    "roc_auc:max_fpr": "ROC AUC up to a false positive rate of {}",
    "roc_auc:min_tpr": "ROC AUC above a true positive rate of {}",
}


def label(metric: str) -> str:
    """Return what a metric is called in a sentence."""
    name, _, number = metric.rpartition(":")
    if name:
        return WITH_NUMBER[name].format(number)
    return LABELS.get(metric, metric.replace("_", " "))


def is_share(metric: str) -> bool:
    """Say whether a metric is a share, which is written in percent."""
    return kind(metric) in SHARES


def written(metric: str, value: float) -> str:
    """Return a score with its unit: "83.1 %"."""
    return f"{100 * value:.1f} %" if is_share(metric) else f"{value:.3f}"


def gained(metric: str, value: float) -> str:
    """Return a difference with its sign and what it is of: "+2.0 points of macro F1"."""
    if is_share(metric):
        return f"{100 * value:+.1f} points of {label(metric)}"
    return f"{value:+.3f} of {label(metric)}"
