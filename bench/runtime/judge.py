"""From the rounds' numbers to what is met and what is missed. Knows no program and no clock, so that tests can plant numbers."""
import math

from runtime import rows


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values):
    """(lower, median, upper): between lower and upper the true median lies with 95 % at least, by order statistics: of nine
    rounds the second and the eighth. With fewer than six there is no such pair, and it is the least and the greatest."""
    ordered = sorted(values)
    n, cut, outside = len(ordered), 0, 0.0
    for k in range(n // 2):
        outside += math.comb(n, k) / 2**n
        if 2 * outside > 0.05:
            break
        cut = k
    return ordered[cut], median(ordered), ordered[n - 1 - cut]


def ratios(ours, theirs, times=1.0, plus=0.0):
    """Of each round by itself: a machine that is slow for a while is so for both."""
    return [a / (b * times + plus) for a, b in zip(ours, theirs) if a is not None and b]


def verdict(upper, target):
    return None if target is None else "met" if upper <= target else "missed"


def numbers(measured, key):
    return [value for value in measured.get(key, []) if value is not None]


def compare_with(measured, row, name, key, target, times=1.0, plus=0.0):
    found = ratios(measured.get(row.id, []), measured.get(key, []), times, plus)
    if not found:
        return None
    low, middle, high = spread(found)
    return {"to": name, "ratio": middle, "spread": [low, high], "target": target, "verdict": verdict(high, target)}


def judge_row(measured, row):
    values = numbers(measured, row.id)
    if not values:
        return None
    low, middle, high = spread(values)
    others = [
        compare_with(measured, row, "asio", reference(row, "asio"), row.target_asio),
        compare_with(measured, row, "bare", reference(row, "bare"), row.target_bare, row.bare_times),
        compare_with(measured, row, "asyncio", reference(row, "asyncio"), None),
        compare_with(measured, row, "uvloop", reference(row, "uvloop"), None),
    ]
    if row.own:
        key, times, plus = row.own
        others.append(compare_with(measured, row, "own", key, row.target_own, times, plus))
    said = {"row": row.id, "title": row.title, "unit": row.value, "ours": middle, "spread": [low, high], "target": row.target,
            "verdict": verdict(high, row.target), "peer": row.peer, "ratios": [each for each in others if each]}
    if row.grown:
        grown = ratios(measured.get("grown " + row.id, []), measured.get(row.id, []))
        if grown:
            said["tenfold"] = growth(grown)
    return said


def growth(found):
    low, middle, high = spread(found)
    return {"ratio": middle, "spread": [low, high], "target": 1.2, "verdict": verdict(high, 1.2)}


def reference(row, side):
    """The key under which a reference's numbers stand; bytes stand beside its ns."""
    given = row.python if side in ("asyncio", "uvloop") else getattr(row, side)
    if given is None:
        return ""
    names = (side, given[0]) if side in ("asyncio", "uvloop") else given[:2]
    return "/".join(names) + (" bytes" if row.value == "bytes" else "") + rows.on(row.cores)


def factors(measured):
    """How much slower this machine is than the one of the figures from elsewhere, by what bounds a row."""
    found = {bound: [value / there for value in numbers(measured, "/".join(program[:2]))]
             for bound, (program, there) in rows.CALIBRATION.items()}
    return dict(found, pages=[max(1.0, value) for value in found["memory"]])


def unfit(measured):
    """References that did not reach, on this machine, what is known of them: each makes the run void."""
    slow = factors(measured)
    found = []
    for (program, row), (bound, there) in rows.MEASURED_ELSEWHERE.items():
        values = numbers(measured, f"{program}/{row}")
        if not values or not slow[bound]:
            continue
        allowed = there * median(slow[bound]) * rows.ALLOWED
        if median(values) > allowed:
            found.append({"reference": f"{program} {row}", "ns": median(values), "allowed": allowed,
                          "by": f"{there:g} ns there x {median(slow[bound]):.2f} ({bound}) x {rows.ALLOWED}"})
    return found


def judge(measured):
    judged = [said for said in (judge_row(measured, row) for row in rows.ROWS) if said]
    void = unfit(measured)
    verdicts = [said["verdict"] for said in judged] + [each["verdict"] for said in judged for each in said["ratios"]]
    verdicts += [said["tenfold"]["verdict"] for said in judged if "tenfold" in said]
    return {"void": void, "met": verdicts.count("met"), "missed": verdicts.count("missed"),
            "machine": {bound: median(values) for bound, values in factors(measured).items() if values and bound in rows.CALIBRATION}, "rows": judged}
