"""Writes the model card from results.json and a template."""

import json
from string import Template

from paths import PACK, ROOT
from specs import DEFAULT, SPECIAL

TEMPLATE = ROOT / "tools" / "demo" / "card.md"


def form(name):
    """A short description of an adapter's LoRA settings."""
    settings = {**DEFAULT, **SPECIAL.get(name, {})}
    targets = settings["target_modules"]
    if isinstance(targets, list):
        targets = " ".join(target.removesuffix("_proj") for target in targets)
    elif targets != "all-linear":
        targets = "q k v o (as a regular expression)"
    text = f"r {settings['r']}, α {settings['lora_alpha']}, {targets}"
    if settings.get("use_rslora"):
        text += ", rsLoRA"
    if "rank_pattern" in settings:
        text += ", rank and alpha patterns"
    if "layers_to_transform" in settings:
        text += f", layers {settings['layers_to_transform'][0]}–{settings['layers_to_transform'][-1]}"
    return text


def choice_table(rows):
    lines = ["| task | adapter | base | base, asked to be brief | own adapter | joint |",
             "|---|---|---:|---:|---:|---:|"]
    for row in rows:
        cells = [f"{row[key]['exact']:.1f}" for key in ("base", "base_brief", "own", "joint")]
        lines.append(f"| {row['task']} | {form(row['task'])} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def qa_table(rows):
    lines = ["| task | adapter | base | base, asked to be brief | own adapter | joint |",
             "|---|---|---:|---:|---:|---:|"]
    for row in rows:
        cells = [
            f"{row[key]['exact']:.1f} / {row[key]['rouge_l']:.1f}"
            for key in ("base", "base_brief", "own", "joint")
        ]
        lines.append(f"| {row['task']} | {form(row['task'])} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary_table(summary):
    names = {
        "choice_exact": "multiple choice, accuracy",
        "qa_exact": "question answering, exact match",
        "qa_rouge_l": "question answering, ROUGE-L",
        "ended": "replies that end by themselves",
    }
    lines = ["| mean, % | base | base, asked to be brief | own adapter | joint |",
             "|---|---:|---:|---:|---:|"]
    for key, name in names.items():
        cells = [f"{summary[key][system]:.1f}" for system in ("base", "base_brief", "own", "joint")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def composite_table(rows):
    names = {
        "base": "base",
        "joint": "joint",
        "mixture": "equal mixture of the tasks' adapters",
        "carry": "each sentence's own adapter, its first token drawn under the one before",
        "recompute": "likewise, all text before computed anew at each change",
        "redraw": "each sentence's own adapter from its first token on",
        "redraw_recompute": "likewise, all text before computed anew at each change",
    }
    lines = ["| answered by | " + " | ".join(row["file"] for row in rows) + " |", "|---|---:|---:|"]
    for key, name in names.items():
        cells = [f"{row[key]['sentences']:.1f} / {row[key]['exact']:.1f}" for row in rows]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    results = json.loads((PACK / "results.json").read_text())
    training = results["training"]
    text = Template(TEMPLATE.read_text()).substitute(
        summary=summary_table(results["summary"]),
        choice=choice_table([row for row in results["tasks"] if row["kind"] == "choice"]),
        qa=qa_table([row for row in results["tasks"] if row["kind"] == "qa"]),
        composites=composite_table(results["composites"]),
        steps=training["base"]["steps"],
        tokens=f"{training['base']['tokens'] / 1e6:.1f}",
        base_minutes=round(training["base"]["seconds"] / 60),
        adapter_minutes=round(training["adapter_seconds"] / 60),
        first_steps=training["routed"]["first"]["steps"],
        first_minutes=round(training["routed"]["first"]["seconds"] / 60),
        second_steps=training["routed"]["second"]["steps"],
        second_minutes=round(training["routed"]["second"]["seconds"] / 60),
    )
    (PACK / "README.md").write_text(text)


if __name__ == "__main__":
    main()
