"""The figures of a row as a table, and what computer they were measured on."""

import pathlib
import platform
import statistics

# Of a processor's flags those that say how fast it multiplies matrices: x86's, then ARM's.
SIMD = (
    "avx", "f16c", "fma", "avx2", "avx_vnni", "avx_vnni_int8", "avx_ne_convert", "avx512f", "avx512bw", "avx512dq", "avx512vl",
    "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "amx_fp16",
    "asimd", "fphp", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme",
)


def processor():
    """Its name, and which of those instruction sets it has."""
    lines = (line.partition(":") for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines())
    facts = {}
    for name, _, value in lines:
        facts.setdefault(name.strip(), value.strip())
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return facts.get("model name") or platform.machine(), [name for name in SIMD if name in flags]


def summary(turns):
    """The median of the turns' medians, the least and the most of all frames (seconds), and the most memory (bytes)."""
    return (
        statistics.median(turn.median for turn in turns), min(turn.least for turn in turns), max(turn.most for turn in turns),
        max(turn.peak_rss_bytes for turn in turns))


def show(entrants, turns):
    """Prints one row; turns are by name."""
    ours = [one.name for one in entrants if not one.peer]
    medians = {name: summary(taken)[0] for name, taken in turns.items()}
    header = f"{'':28} {'seconds':>8} {'least':>7} {'most':>7}"
    print(header + "".join(f" {'x ' + name:>{max(len(name) + 2, 8)}}" for name in ours) + f" {'peak MB':>8}  masks   ran in")
    for one in entrants:
        median, least, most, peak = summary(turns[one.name])
        ratios = "".join(f" {median / medians[name]:{max(len(name) + 2, 8)}.2f}" for name in ours)
        ran = ", ".join(sorted({turn.precision for turn in turns[one.name]}))
        print(f"{one.name:28} {median:8.3f} {least:7.3f} {most:7.3f}{ratios} {peak / 1e6:8.0f}  {one.masks:7} {ran}")
    # Fewer bits are quicker, so only those are set against each other that ran in the same kind.
    kinds = {one.name: turns[one.name][0].kind for one in entrants}
    for kind in sorted(set(kinds.values())):
        peers = [one.name for one in entrants if one.peer and kinds[one.name] == kind]
        mine = [name for name in ours if kinds[name] == kind]
        if not mine or not peers:
            print(f"In {kind} there is nothing here to compare {', '.join(mine or peers)} with.")
            continue
        best, own = min(peers, key=medians.get), min(mine, key=medians.get)
        print(f"In {kind} the fastest peer, {best}, takes {medians[best] / medians[own]:.2f} times as long as {own}.")
