#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare_test.py BENCH: what bench/compare.py makes of what the programs say. Nothing is measured."""

import sys
import unittest

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True

import compare  # noqa: E402

ZURING, LIBZMQ = (compare.Contestant(n, "/none", {}) for n in ("zuring", "libzmq"))
SPIN, WAIT = (compare.Contestant(n, "/none", {}, b)
              for n, b in (("bare sockets", "spin"), ("bare, waiting", "wait")))
ALL = [ZURING, LIBZMQ, SPIN, WAIT]


def row_of(text):
    found = [r for r in compare.ROWS if compare.row_text(r, "") == text]
    assert len(found) == 1, (text, found)
    return found[0]


def entries_of(text, **said):
    """As if each contestant had said this, once a round."""
    names = {"zuring": "zuring", "libzmq": "libzmq", "spin": "bare sockets", "wait": "bare, waiting"}
    row = row_of(text)
    return {e["row"][len(text):].strip(" :,"): e for e in compare.summarize(
        row, ALL, dict({w.name: [] for w in ALL}, **{names[k]: v for k, v in said.items()}),
        {w.name: [] for w in ALL})}


def latency(*p50):
    return [{"mean_us": 2 * t, "p50_us": t, "p99_us": 10 * t} for t in p50]


def cpu(*seconds):
    return [{"cpu_seconds": s, "count": 500} for s in seconds]


class Compare(unittest.TestCase):
    def test_each_row_has_a_name_of_its_own(self):
        for rows in (compare.ROWS, compare.GROWTH):
            names = [compare.row_text(r, "") for r in rows]
            self.assertEqual(sorted(set(names)), sorted(names))

    def test_what_is_to_be_reached_is_a_figure_of_its_row(self):
        said = dict(latency(1)[0], messages_per_second=1, times=1, **cpu(1)[0])
        for row in compare.ROWS:
            if row.must:
                self.assertLessEqual(set(row.must), set(compare.figures(row, said)), row)

    def test_figures_are_medians_and_times_libzmq(self):
        seen = entries_of("tcp latency 64 B", zuring=latency(10, 30, 20), libzmq=latency(60, 50, 90))
        self.assertEqual(seen["p50"]["median"], {"zuring": 20, "libzmq": 60})
        self.assertEqual(seen["p50"]["ratio"], {"zuring": 3})
        self.assertEqual(seen["p50"]["spread_percent"]["zuring"], 100)
        self.assertEqual(seen[""]["median"]["zuring"], 40)

    def test_a_row_is_reached_by_times_libzmq(self):
        for ours, said in ((10, "yes"), (10.1, "no")):
            seen = entries_of("tcp latency 64 KiB", zuring=latency(ours), libzmq=latency(20))
            self.assertEqual(compare.reached(seen["p50"]), said)
            self.assertEqual(compare.reached(seen["p99"]), "")

    def test_or_by_being_near_bare_sockets_that_spin(self):
        for ours, spin, said in ((13, 10, "yes"), (13.1, 10, "no")):
            seen = entries_of("tcp latency 64 B", zuring=latency(ours), libzmq=latency(20),
                              spin=latency(spin), wait=latency(100))
            self.assertEqual(compare.reached(seen["p50"]), said)
            self.assertEqual(compare.must_text(seen["p50"]["must"]), "6, or 1.3 bare")

    def test_or_against_itself_without_libzmq(self):
        for times, said in ((0.97, "yes"), (0.96, "no")):
            seen = entries_of("tcp throughput 16 B, monitored and never read",
                              zuring=[{"times": times}])
            self.assertEqual(compare.reached(seen[""]), said)
            self.assertEqual(compare.behind(seen.values()), [])
        self.assertFalse(SPIN.takes(row_of("tcp throughput 16 B, monitored and never read")))

    def test_but_not_without_figures(self):
        seen = entries_of("tcp latency 64 B", libzmq=latency(20), spin=latency(10))
        self.assertEqual(compare.reached(seen["p50"]), "")

    def test_what_is_spent_may_be_more_than_libzmqs_by_so_much(self):
        text, figure = "tcp latency 64 B at 1000/s", "CPU a round trip"
        for ours, said in ((0.029, "yes"), (0.031, "no")):
            seen = entries_of(text, zuring=cpu(ours), libzmq=cpu(0.02))
            self.assertEqual(compare.reached(seen[figure]), said)
            self.assertAlmostEqual(seen[figure]["median"]["libzmq"], 40)  # microseconds each

    def test_nothing_is_no_worse_than_anything(self):
        for ours, theirs, said in ((0, 0, "yes"), (0, 1, "yes"), (1, 0, "no"), (2, 1, "yes")):
            seen = entries_of("tcp latency 64 B, idle for 2000 ms", zuring=cpu(ours),
                              libzmq=cpu(theirs))
            self.assertEqual(compare.reached(seen["CPU"]), said)

    def test_who_has_no_figure_has_no_column_and_musts_only_where_there_are_some(self):
        seen = list(entries_of("ipc latency 64 KiB", zuring=latency(1), libzmq=latency(4),
                               wait=latency(1)).values())
        head, *rows = compare.table_of(seen, ALL, True)
        self.assertEqual(head, ["what", "zuring", "libzmq", "bare, waiting", "times zuring"])
        self.assertEqual(rows[1], ["ipc latency 64 KiB p50", "1.00 us ±0%", "4.00 us ±0%",
                                   "1.00 us ±0%", "4.00"])
        seen = list(entries_of("tcp latency 64 KiB", zuring=latency(1)).values())
        head, *rows = compare.table_of(seen, ALL, True)
        self.assertEqual(head[-2:], ["must reach", "reached"])
        self.assertEqual(rows[1], ["tcp latency 64 KiB p50", "1.00 us ±0%", "no result", "-", "2",
                                   ""])

    def test_behind_is_who_is_slower_but_not_for_one_moment(self):
        seen = entries_of("tcp latency 64 B", zuring=latency(30), libzmq=latency(20))
        self.assertEqual(compare.behind(seen.values()), ["tcp latency 64 B", "tcp latency 64 B p50"])

    def test_sockets_that_spin_take_no_rows_of_more_threads_than_two(self):
        self.assertTrue(SPIN.takes(row_of("tcp latency 64 B")))
        self.assertFalse(SPIN.takes(row_of("tcp latency 64 B, 8 pairs at once")))
        self.assertTrue(WAIT.takes(row_of("tcp latency 64 B, 8 pairs at once")))
        self.assertFalse(WAIT.takes(row_of("tcp throughput 16 B")))
        self.assertTrue(SPIN.takes(row_of("tcp throughput 16 B")))
        self.assertFalse(SPIN.takes(row_of("curve latency 64 B")))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
