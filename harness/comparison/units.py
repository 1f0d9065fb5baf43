"""In which unit a metric is written: shares in percent, their differences in points."""

SHARES = {
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "g_mean",
    "roc_auc",
    "average_precision",
    "ece",
}


def written(metric: str, value: float) -> str:
    """Return a score as it is written, without its unit."""
    return f"{100 * value:.1f}" if metric in SHARES else f"{value:.3f}"
