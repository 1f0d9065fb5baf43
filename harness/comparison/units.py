"""What a metric is called, and its unit: shares in percent, their differences in points."""

SHARES = {
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "g_mean",
    "roc_auc",
    "average_precision",
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


def label(metric: str) -> str:
    """Return what a metric is called in a sentence."""
    return LABELS.get(metric, metric.replace("_", " "))


def written(metric: str, value: float) -> str:
    """Return a score with its unit: "83.1 %"."""
    return f"{100 * value:.1f} %" if metric in SHARES else f"{value:.3f}"


def gained(metric: str, value: float) -> str:
    """Return a difference with its sign and what it is of: "+2.0 points of macro F1"."""
    if metric in SHARES:
        return f"{100 * value:+.1f} points of {label(metric)}"
    return f"{value:+.3f} of {label(metric)}"
