"""The judged numbers as a table in Markdown: what docs/benchmarks.md holds."""


def short(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def times(value):
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def mark(verdict):
    return {"met": " ✓", "missed": " ✗"}.get(verdict, "")


def ratio(said, name):
    for each in said["ratios"]:
        if each["to"] == name:
            goal = f" ≤ {each['target']:g}{mark(each['verdict'])}" if each["target"] is not None else ""
            low, high = each["spread"]
            return f"{times(each['ratio'])} ({times(low)}–{times(high)}){goal}"
    return "–"


def less(said, name):
    """How many times less than the reference."""
    for each in said["ratios"]:
        if each["to"] == name and each["ratio"] > 0:
            return f"{1 / each['ratio']:.0f}×" if each["ratio"] < 0.1 else f"{1 / each['ratio']:.1f}×"
    return "–"


def line(said, counts):
    low, high = said["spread"]
    unit = " B" if said["unit"] == "bytes" else ""
    goal = f" ≤ {said['target']:g}{mark(said['verdict'])}" if said["target"] is not None else ""
    counted = counts.get(said["row"], {})
    bare = ratio(said, "bare") if ratio(said, "own") == "–" else ratio(said, "own") + " of 10 spawns + 100 ns"
    tenfold = said.get("tenfold")
    grown = f"{times(tenfold['ratio'])}{mark(tenfold['verdict'])}" if tenfold else ""
    cells = [said["title"], f"{short(said['ours'])}{unit} ({short(low)}–{short(high)}){goal}", ratio(said, "asio"), bare,
             f"{less(said, 'asyncio')}, {less(said, 'uvloop')}" if less(said, "asyncio") != "–" else "–", said["peer"] or "–",
             short(counted.get("instructions")), short(counted.get("allocations")), grown]
    return "| " + " | ".join(cells) + " |"


def table(judged, counts):
    head = ["operation", "ours, ns", "of Asio's", "of the bare reference", "asyncio, uvloop need", "best peer elsewhere, ns",
            "instructions", "allocations", "at 10 × the size"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [line(said, counts) for said in judged["rows"]]
    return "\n".join(lines)


def notes(judged):
    lines = [f"{judged['met']} targets met, {judged['missed']} missed (✓, ✗: by the upper end of the spread)."]
    for said in judged["rows"]:
        for each in said["ratios"]:
            if each["verdict"] == "missed":
                lines.append(f"missed: {said['title']}: {times(each['ratio'])} (up to {times(each['spread'][1])}) of {each['to']}, "
                             f"{each['target']:g} is wanted")
        if said["verdict"] == "missed":
            lines.append(f"missed: {said['title']}: {short(said['ours'])} (up to {short(said['spread'][1])}), {said['target']:g} is wanted")
        if said.get("tenfold", {}).get("verdict") == "missed":
            lines.append(f"missed: {said['title']}: {times(said['tenfold']['ratio'])} at ten times the size, 1.2 is wanted")
    if judged["machine"]:
        slow = ", ".join(f"{bound} {value:.2f}" for bound, value in judged["machine"].items())
        lines.append(f"This machine needs so much of the time of the one that the peers' figures come from: {slow}.")
    for each in judged["void"]:
        lines.append(f"VOID: {each['reference']} needed {short(each['ns'])} ns, {short(each['allowed'])} is the most that a good "
                     f"reference may: {each['by']}")
    return "\n".join(lines)
