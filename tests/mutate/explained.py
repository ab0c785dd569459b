# SPDX-License-Identifier: MIT
"""The list of mutants that no test has to kill, with the reason: tests/mutate/explained."""


def read(path, paths, every, results):
    """(key -> reason, what is wrong with the list), as far as it is about `paths`."""
    reasons, wrong = {}, []
    keys = {m.key for m in every}
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            key, _, reason = line.rpartition(" :: ")
            where = "%s:%d" % (path, number)
            if key.count(" :: ") != 3 or not reason:
                wrong.append(where + ": has to be FILE :: FUNCTION :: LINE :: OLD => NEW :: REASON")
            elif key.split(" :: ")[0] not in paths:
                continue
            elif key not in keys:
                wrong.append(where + ": no mutant is called so (any more): " + key)
            elif key in reasons:
                wrong.append(where + ": explains a mutant again: " + key)
            elif results.get(key, {}).get("status") in ("killed", "timed out"):
                wrong.append(where + ": a test kills this now, take the line out: " + key)
            else:
                reasons[key] = reason
    return reasons, wrong
